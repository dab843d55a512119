"""Models of an installation: cared for while they trade, trained, searched for, put to use.

care        watches the model in use, promotes and rolls back
retraining  when a new one is trained; `modelling` puts both together
training    `trader train`, in a process of its own; `session` continues an interrupted one; `view` what it shows
tuning      `trader tune`; `searches` where searches are kept
history     candles for a training; `download` candles into the store; `costs` what trading here has cost
supply      what must be there before trading starts; `libraries` whether this installation can train
registry    `trader models`; `status` what `trader status` says of models

Begin with `care`, or with `training`.
"""
