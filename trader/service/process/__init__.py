"""One daemon process.

lock      one trader per state directory
loop      the event loop: started, stopped, left early while it only prepares
access    how the market is reached: addresses, clock, keys
places    where files of an account lie
kernels   compiled kernels, made once per version
children  child processes; `launch` their first code
sdnotify  systemd's notify protocol

Begin with `lock` and `loop`.
"""
