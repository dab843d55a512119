"""Markets that were recorded: candles, and order books update by update.

replay          recorded candles as a market, from `candle_files`
book_stage      recorded books as what is on: `book_symbol` a symbol, `book_playback` the passing of time
shelf           where recorded books come from: files (`book_files`), or the daemon's own recordings (`own_recordings`)
book            a recorded book while it is played
marks           recorded mark prices and funding

Begin with `replay`, or with `book_stage`.
"""
