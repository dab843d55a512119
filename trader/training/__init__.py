"""Labels, splits, the stacked ensemble and its calibration. The only room with learning libraries; never live."""
