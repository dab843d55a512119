"""The instruments of `trader bench`: each measures one part on this machine now.

table      the command's table: every instrument in order; a new one is a row there
engine     decisions a second; `close` twenty symbols from their candles to reviewed orders
features   features against pandas and TA-Lib (`rivals`)
inference  forecasts a second; `libraries` the learning libraries against the compiled ensemble
matching   book updates of the simulated exchange
loop_lag   what the event loop feels while a model is trained (`rehearsal`)
sandbox    a sandbox under load; `live` a whole daemon on it

Begin with `table`.
"""
