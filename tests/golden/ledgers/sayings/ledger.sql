PRAGMA application_id=1414677586;
PRAGMA user_version=0;
BEGIN TRANSACTION;
CREATE TABLE balances (
	currency TEXT NOT NULL, 
	free TEXT NOT NULL, 
	locked TEXT NOT NULL, 
	PRIMARY KEY (currency)
);
INSERT INTO "balances" VALUES('USDT','10000','0');
CREATE TABLE decisions (
	decision_id TEXT NOT NULL, 
	ts_ms INTEGER NOT NULL, 
	symbol TEXT NOT NULL, 
	candle_open_ms INTEGER NOT NULL, 
	verdict TEXT NOT NULL, 
	reasons TEXT, 
	regime TEXT NOT NULL, 
	prediction FLOAT, 
	win_probability FLOAT, 
	edge_bps FLOAT, 
	cost_bps FLOAT, 
	model_id TEXT NOT NULL, 
	side TEXT NOT NULL, 
	quantity TEXT NOT NULL, 
	algorithm TEXT NOT NULL, 
	parent_id TEXT NOT NULL, 
	feature_hash TEXT NOT NULL, 
	PRIMARY KEY (decision_id)
);
INSERT INTO "decisions" VALUES('d0000',1700000000000,'BTC/USDT',1700000000000,'enter','["account not reconciled yet","half size: feature_drift 24%>20%, calibration_t -2.1<=-2.0"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0001',1700000001000,'ETH/USDT',1700000060000,'hold','["at leverage 20 a stop 4.0% away would come after the liquidation"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0001','hash');
INSERT INTO "decisions" VALUES('d0002',1700000002000,'BTC/USDT',1700000120000,'exit','["atr_expansion"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0002','hash');
INSERT INTO "decisions" VALUES('d0003',1700000003000,'ETH/USDT',1700000180000,'skip','["bollinger_extreme","atr_expansion"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0004',1700000004000,'BTC/USDT',1700000240000,'enter','["edge 1.0bp < needed 22.0bp"]','range_bound',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0004','hash');
INSERT INTO "decisions" VALUES('d0005',1700000005000,'ETH/USDT',1700000300000,'hold','["edge 14.5bp < 14.9bp with impact"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0005','hash');
INSERT INTO "decisions" VALUES('d0006',1700000006000,'BTC/USDT',1700000360000,'exit','["edge gone, waiting for the exits","edge 14.5bp < 14.9bp with impact"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0007',1700000007000,'ETH/USDT',1700000420000,'skip','["edge holds"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0007','hash');
INSERT INTO "decisions" VALUES('d0008',1700000008000,'BTC/USDT',1700000480000,'enter','["entry under way"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0008','hash');
INSERT INTO "decisions" VALUES('d0009',1700000009000,'ETH/USDT',1700000540000,'hold','["exit under way","entry under way"]','range_bound',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0010',1700000010000,'BTC/USDT',1700000600000,'exit','["exposure"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0010','hash');
INSERT INTO "decisions" VALUES('d0011',1700000011000,'ETH/USDT',1700000660000,'skip','["extended by a horizon"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0011','hash');
INSERT INTO "decisions" VALUES('d0012',1700000012000,'BTC/USDT',1700000720000,'enter','["forecast is 163 s old","extended by a horizon"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0013',1700000013000,'ETH/USDT',1700000780000,'hold','["forecast of model-2, the model is model-1 now"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0013','hash');
INSERT INTO "decisions" VALUES('d0014',1700000014000,'BTC/USDT',1700000840000,'exit','["half size: calibration_t -2.0<=-2.0"]','range_bound',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0014','hash');
INSERT INTO "decisions" VALUES('d0015',1700000015000,'ETH/USDT',1700000900000,'skip','["impact 0.5bp","half size: calibration_t -2.0<=-2.0"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0016',1700000016000,'BTC/USDT',1700000960000,'enter','["impact infbp"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0016','hash');
INSERT INTO "decisions" VALUES('d0017',1700000017000,'ETH/USDT',1700001020000,'hold','["kelly: no edge at win probability 0.42"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0017','hash');
INSERT INTO "decisions" VALUES('d0018',1700000018000,'BTC/USDT',1700001080000,'exit','["ma_crossover","kelly: no edge at win probability 0.42"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0019',1700000019000,'ETH/USDT',1700001140000,'skip','["market data gap: no book for 11 s"]','range_bound',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0019','hash');
INSERT INTO "decisions" VALUES('d0020',1700000020000,'BTC/USDT',1700001200000,'enter','["market data stale: no book for 11 s"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0020','hash');
INSERT INTO "decisions" VALUES('d0021',1700000021000,'ETH/USDT',1700001260000,'hold','["model drifted: calibration_t -3.0<=-3.0","market data stale: no book for 11 s"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0022',1700000022000,'BTC/USDT',1700001320000,'exit','["model drifted: feature_drift 31%>30%"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0022','hash');
INSERT INTO "decisions" VALUES('d0023',1700000023000,'ETH/USDT',1700001380000,'skip','["model has no edge over the base rate"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0023','hash');
INSERT INTO "decisions" VALUES('d0024',1700000024000,'BTC/USDT',1700001440000,'enter','["model only observes ()","model has no edge over the base rate"]','range_bound',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0025',1700000025000,'ETH/USDT',1700001500000,'hold','["model slope -1.00 is not positive"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0025','hash');
INSERT INTO "decisions" VALUES('d0026',1700000026000,'BTC/USDT',1700001560000,'exit','["no book yet"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0026','hash');
INSERT INTO "decisions" VALUES('d0027',1700000027000,'ETH/USDT',1700001620000,'skip','["no confirmation (atr_expansion)","no book yet"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0028',1700000028000,'BTC/USDT',1700001680000,'enter','["no confirmation (atr_expansion, volume)"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0028','hash');
INSERT INTO "decisions" VALUES('d0029',1700000029000,'ETH/USDT',1700001740000,'hold','["no confirmation (bollinger_extreme, rsi_dip)"]','range_bound',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0029','hash');
INSERT INTO "decisions" VALUES('d0030',1700000030000,'BTC/USDT',1700001800000,'exit','["no confirmation (bollinger_extreme, rsi_peak)","no confirmation (bollinger_extreme, rsi_dip)"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0031',1700000031000,'ETH/USDT',1700001860000,'skip','["no confirmation (ma_crossover, rsi_dip)"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0031','hash');
INSERT INTO "decisions" VALUES('d0032',1700000032000,'BTC/USDT',1700001920000,'enter','["no confirmation (ma_crossover, rsi_peak)"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0032','hash');
INSERT INTO "decisions" VALUES('d0033',1700000033000,'ETH/USDT',1700001980000,'hold','["no confirmation (squeeze)","no confirmation (ma_crossover, rsi_peak)"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0034',1700000034000,'BTC/USDT',1700002040000,'exit','["no confirmation (squeeze, volume_spike)"]','range_bound',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0034','hash');
INSERT INTO "decisions" VALUES('d0035',1700000035000,'ETH/USDT',1700002100000,'skip','["no confirmation (volume)"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0035','hash');
INSERT INTO "decisions" VALUES('d0036',1700000036000,'BTC/USDT',1700002160000,'enter','["no confirmation (volume_spike)","no confirmation (volume)"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0037',1700000037000,'ETH/USDT',1700002220000,'hold','["no forecast: leader missing"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0037','hash');
INSERT INTO "decisions" VALUES('d0038',1700000038000,'BTC/USDT',1700002280000,'exit','["notional 0.91 below minimum 5 USDT (position_notional)"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0038','hash');
INSERT INTO "decisions" VALUES('d0039',1700000039000,'ETH/USDT',1700002340000,'skip','["position_notional","notional 0.91 below minimum 5 USDT (position_notional)"]','range_bound',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0040',1700000040000,'BTC/USDT',1700002400000,'enter','["prediction is not finite"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0040','hash');
INSERT INTO "decisions" VALUES('d0041',1700000041000,'ETH/USDT',1700002460000,'hold','["prediction is zero"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0041','hash');
INSERT INTO "decisions" VALUES('d0042',1700000042000,'BTC/USDT',1700002520000,'exit','["quantity 0 below minimum 0.01 SOL (position_notional, exposure)","prediction is zero"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0043',1700000043000,'ETH/USDT',1700002580000,'skip','["regime bear_trend wants short"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0043','hash');
INSERT INTO "decisions" VALUES('d0044',1700000044000,'BTC/USDT',1700002640000,'enter','["regime bull_trend wants long"]','range_bound',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0044','hash');
INSERT INTO "decisions" VALUES('d0045',1700000045000,'ETH/USDT',1700002700000,'hold','["rsi_dip","regime bull_trend wants long"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0046',1700000046000,'BTC/USDT',1700002760000,'exit','["rsi_peak"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0046','hash');
INSERT INTO "decisions" VALUES('d0047',1700000047000,'ETH/USDT',1700002820000,'skip','["shutting down"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0047','hash');
INSERT INTO "decisions" VALUES('d0048',1700000048000,'BTC/USDT',1700002880000,'enter','["signal turned","shutting down"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0049',1700000049000,'ETH/USDT',1700002940000,'hold','["spot cannot short"]','range_bound',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0049','hash');
INSERT INTO "decisions" VALUES('d0050',1700000050000,'BTC/USDT',1700003000000,'exit','["the model has no record of wins and losses"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0050','hash');
INSERT INTO "decisions" VALUES('d0051',1700000051000,'ETH/USDT',1700003060000,'skip','["volume","the model has no record of wins and losses"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0052',1700000052000,'BTC/USDT',1700003120000,'enter','["trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, 1 losses in a row, 99 errors in a minute, at most 30"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0052','hash');
INSERT INTO "decisions" VALUES('d0053',1700000053000,'ETH/USDT',1700003180000,'hold','["trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, 1 losses in a row, account stream is not live"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0053','hash');
INSERT INTO "decisions" VALUES('d0054',1700000054000,'BTC/USDT',1700003240000,'exit','["trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, 1 losses in a row, clock +2500 ms from the exchange''s, at most 1000 ms","trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, 1 losses in a row, account stream is not live"]','range_bound',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0055',1700000055000,'ETH/USDT',1700003300000,'skip','["trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, account stream is not live, 99 errors in a minute, at most 30, clock +2500 ms from the exchange''s, at most 1000 ms"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0055','hash');
INSERT INTO "decisions" VALUES('d0056',1700000056000,'BTC/USDT',1700003360000,'enter','["trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, account stream is not live, market data is stale"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0056','hash');
INSERT INTO "decisions" VALUES('d0057',1700000057000,'ETH/USDT',1700003420000,'hold','["trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, account stream is not live, market data is stale, 99 errors in a minute, at most 30","trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, account stream is not live, market data is stale"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0058',1700000058000,'BTC/USDT',1700003480000,'exit','["trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, daily loss 12.3%, at most 0.1%"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0058','hash');
INSERT INTO "decisions" VALUES('d0059',1700000059000,'ETH/USDT',1700003540000,'skip','["trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, daily loss 12.3%, at most 0.1%, 99 errors in a minute, at most 30"]','range_bound',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0059','hash');
INSERT INTO "decisions" VALUES('d0060',1700000060000,'BTC/USDT',1700003600000,'enter','["trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, daily loss 19.7%, at most 0.1%, 1 losses in a row, 99 errors in a minute, at most 30","trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, daily loss 12.3%, at most 0.1%, 99 errors in a minute, at most 30"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0061',1700000061000,'ETH/USDT',1700003660000,'hold','["trading is halted: -0.500 BTC/USDT:USDT has no plan; policy halt, daily loss 24.4%, at most 0.1%, 1 losses in a row"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0061','hash');
INSERT INTO "decisions" VALUES('d0062',1700000062000,'BTC/USDT',1700003720000,'exit','["correlated exposure 5100 > 5000 USDT"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0062','hash');
INSERT INTO "decisions" VALUES('d0063',1700000063000,'ETH/USDT',1700003780000,'skip','["no model","correlated exposure 5100 > 5000 USDT"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0064',1700000064000,'BTC/USDT',1700003840000,'enter','["an order of unknown outcome"]','range_bound',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0064','hash');
INSERT INTO "decisions" VALUES('d0065',1700000065000,'ETH/USDT',1700003900000,'hold','["equity is not known yet"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0065','hash');
INSERT INTO "decisions" VALUES('d0066',1700000066000,'BTC/USDT',1700003960000,'exit','["equity 0.00 is not above 0","equity is not known yet"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0067',1700000067000,'ETH/USDT',1700004020000,'skip','["price 0.0 and stop distance 0.1 must be above 0"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0067','hash');
INSERT INTO "decisions" VALUES('d0068',1700000068000,'BTC/USDT',1700004080000,'enter','["ATR nan is not available"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0068','hash');
INSERT INTO "decisions" VALUES('d0069',1700000069000,'ETH/USDT',1700004140000,'hold','["8 positions open, at most 8","ATR nan is not available"]','range_bound',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0070',1700000070000,'BTC/USDT',1700004200000,'exit','["portfolio_risk"]','bull_trend',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0070','hash');
INSERT INTO "decisions" VALUES('d0071',1700000071000,'ETH/USDT',1700004260000,'skip','["free_balance"]','bear_trend',0.001,0.55,12.5,20.0,'model-1','sell','1','twap','d0071','hash');
INSERT INTO "decisions" VALUES('d0072',1700000072000,'BTC/USDT',1700004320000,'enter','["model only observes (effective_days 13<30, edge_t 0.4<2.0)","free_balance"]','high_volatility',0.001,0.55,12.5,20.0,'model-1','','','','','hash');
INSERT INTO "decisions" VALUES('d0073',1700000073000,'ETH/USDT',1700004380000,'hold','["half size: feature_drift 24%>20%, calibration_t -2.1<=-2.0"]','low_volatility',0.001,0.55,12.5,20.0,'model-1','buy','0.5','market','d0073','hash');
CREATE TABLE equity (
	ts_ms INTEGER NOT NULL, 
	equity FLOAT, 
	cash FLOAT, 
	exposure FLOAT, 
	peak FLOAT, 
	day_start FLOAT, 
	PRIMARY KEY (ts_ms)
);
INSERT INTO "equity" VALUES(1700000000000,8400.0,8400.0,0.0,10000.0,9000.0);
CREATE TABLE executions (
	parent_id TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	side TEXT NOT NULL, 
	algorithm TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	quantity TEXT NOT NULL, 
	filled TEXT NOT NULL, 
	arrival_mid FLOAT, 
	average_price FLOAT, 
	slippage_bps FLOAT, 
	spread_bps FLOAT, 
	fees_quote TEXT NOT NULL, 
	market_order_bps FLOAT, 
	started_ms INTEGER NOT NULL, 
	ended_ms INTEGER NOT NULL, 
	orders INTEGER NOT NULL, 
	PRIMARY KEY (parent_id)
);
CREATE TABLE fills (
	symbol TEXT NOT NULL, 
	fill_id TEXT NOT NULL, 
	client_id TEXT NOT NULL, 
	exchange_order_id TEXT NOT NULL, 
	side TEXT NOT NULL, 
	quantity TEXT NOT NULL, 
	price TEXT NOT NULL, 
	fee TEXT NOT NULL, 
	fee_currency TEXT NOT NULL, 
	is_maker BOOLEAN NOT NULL, 
	ts_ms INTEGER NOT NULL, 
	realised TEXT, 
	is_forced BOOLEAN, 
	PRIMARY KEY (symbol, fill_id)
);
CREATE TABLE inputs (
	seq INTEGER NOT NULL, 
	ts_ms INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	body BLOB, 
	PRIMARY KEY (seq)
);
CREATE TABLE meta (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('schema_version','1');
INSERT INTO "meta" VALUES('ledger_id','e9ae571e659d');
INSERT INTO "meta" VALUES('last_seq','109');
CREATE TABLE orders (
	client_id TEXT NOT NULL, 
	parent_id TEXT NOT NULL, 
	decision_id TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	side TEXT NOT NULL, 
	type TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	quantity TEXT NOT NULL, 
	price TEXT, 
	stop_price TEXT, 
	time_in_force TEXT NOT NULL, 
	post_only BOOLEAN NOT NULL, 
	reduce_only BOOLEAN NOT NULL, 
	reference_price FLOAT, 
	status TEXT NOT NULL, 
	exchange_id TEXT, 
	reported_filled TEXT NOT NULL, 
	filled TEXT NOT NULL, 
	filled_quote TEXT NOT NULL, 
	fees TEXT, 
	cancel_requested BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	created_ms INTEGER NOT NULL, 
	updated_ms INTEGER NOT NULL, 
	PRIMARY KEY (client_id)
);
INSERT INTO "orders" VALUES('t-0000','p-0','d-1','BTC/USDT','buy','limit','entry','1','100',NULL,'gtc',0,0,100.0,'rejected','x-0','0','0','0','[]',0,'lost_after',1700000000000,1700000000000);
INSERT INTO "orders" VALUES('t-0001','p-1','d-1','BTC/USDT','buy','limit','exit','1','100',NULL,'gtc',0,0,100.0,'canceled','x-1','0','0','0','[]',0,'lost_before',1700000000000,1700000000001);
INSERT INTO "orders" VALUES('t-0002','p-2','d-1','BTC/USDT','buy','limit','stop','1','100',NULL,'gtc',0,0,100.0,'expired','x-2','0','0','0','[]',0,'not_sent: refused by the test',1700000000000,1700000000002);
INSERT INTO "orders" VALUES('t-0003','p-3','d-1','BTC/USDT','buy','limit','flatten','1','100',NULL,'gtc',0,0,100.0,'not_placed','x-3','0','0','0','[]',0,'reduce_only: nothing in BTC/USDT:USDT to reduce by a buy',1700000000000,1700000000003);
INSERT INTO "orders" VALUES('t-0004','p-4','d-1','BTC/USDT','buy','limit','hedge','1','100',NULL,'gtc',0,0,100.0,'rejected','x-4','0','0','0','[]',0,'test: refused by the test',1700000000000,1700000000004);
INSERT INTO "orders" VALUES('t-0005','p-5','d-1','BTC/USDT','buy','limit','entry','1','100',NULL,'gtc',0,0,100.0,'canceled','x-5','0','0','0','[]',0,'the test looked',1700000000000,1700000000005);
INSERT INTO "orders" VALUES('t-0006','p-6','d-1','BTC/USDT','buy','limit','exit','1','100',NULL,'gtc',0,0,100.0,'expired','x-6','0','0','0','[]',0,'would_match: a post-only order at 87523.3 would match at once',1700000000000,1700000000006);
INSERT INTO "orders" VALUES('t-0007','p-7','d-1','BTC/USDT','buy','limit','stop','1','100',NULL,'gtc',0,0,100.0,'not_placed','x-7','0','0','0','[]',0,'would_trigger: stop price 98.78 is already reached by 98.66',1700000000000,1700000000007);
INSERT INTO "orders" VALUES('t-0008','p-8','d-1','BTC/USDT','buy','limit','flatten','1','100',NULL,'gtc',0,0,100.0,'rejected','x-8','0','0','0','[]',0,'not_sent: Cannot connect to host api.binance.com:443',1700000000000,1700000000008);
INSERT INTO "orders" VALUES('t-0009','p-9','d-1','BTC/USDT','buy','limit','hedge','1','100',NULL,'gtc',0,0,100.0,'canceled','x-9','0','0','0','[]',0,'rate_limited: 429 too many requests',1700000000000,1700000000009);
INSERT INTO "orders" VALUES('t-0010','p-10','d-1','BTC/USDT','buy','limit','entry','1','100',NULL,'gtc',0,0,100.0,'expired','x-10','0','0','0','[]',0,'maintenance: the exchange is closed',1700000000000,1700000000010);
INSERT INTO "orders" VALUES('t-0011','p-11','d-1','BTC/USDT','buy','limit','exit','1','100',NULL,'gtc',0,0,100.0,'not_placed','x-11','0','0','0','[]',0,'insufficient_funds: Account has insufficient balance',1700000000000,1700000000011);
INSERT INTO "orders" VALUES('t-0012','p-12','d-1','BTC/USDT','buy','limit','stop','1','100',NULL,'gtc',0,0,100.0,'rejected','x-12','0','0','0','[]',0,'refused: at the door',1700000000000,1700000000012);
INSERT INTO "orders" VALUES('t-0013','p-13','d-1','BTC/USDT','buy','limit','flatten','1','100',NULL,'gtc',0,0,100.0,'canceled','x-13','0','0','0','[]',0,'timed out after 10 s',1700000000000,1700000000013);
INSERT INTO "orders" VALUES('t-0014','p-14','d-1','BTC/USDT','buy','limit','hedge','1','100',NULL,'gtc',0,0,100.0,'expired','x-14','0','0','0','[]',0,'rejected',1700000000000,1700000000014);
CREATE TABLE payments (
	payment_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	currency TEXT NOT NULL, 
	amount TEXT NOT NULL, 
	ts_ms INTEGER NOT NULL, 
	PRIMARY KEY (payment_id)
);
CREATE TABLE positions (
	symbol TEXT NOT NULL, 
	quantity TEXT NOT NULL, 
	entry_price TEXT NOT NULL, 
	realised_quote TEXT NOT NULL, 
	fees_quote TEXT NOT NULL, 
	opened_ms INTEGER NOT NULL, 
	PRIMARY KEY (symbol)
);
CREATE TABLE state (
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	value BLOB, 
	PRIMARY KEY (kind, "key")
);
INSERT INTO "state" VALUES('opened','',X'81A96F70656E65645F6D73CF0000018BCFE56800');
INSERT INTO "state" VALUES('breakers','',X'88AD74726164696E675F7374617465A668616C746564A7726561736F6E739DD92C302E353030204254432F555344543A5553445420686173206E6F20706C616E3B20706F6C6963792068616C74B131206C6F7373657320696E206120726F77D9213939206572726F727320696E2061206D696E7574652C206174206D6F7374203330BA6163636F756E742073747265616D206973206E6F74206C697665D933636C6F636B202B32353030206D732066726F6D207468652065786368616E676527732C206174206D6F73742031303030206D73BD6461696C79206C6F737320302E33252C206174206D6F737420302E3125BB64726177646F776E20302E35252C206174206D6F737420302E3225B16B696C6C656420627920636F6D6D616E64B46D61726B65742064617461206973207374616C65B170617573656420627920636F6D6D616E64B3657175697479206973206E6F74206B6E6F776EBD64726177646F776E2031352E33252C206174206D6F73742031352E3025D93B696E76617269616E742062726F6B656E3A206F7264657220742D312069732066696C6C6564207769746820322C20746F6C642063616E63656C6564A3646179CD4CDBA96461795F7374617274CB40C1940000000000A47065616BCB40C3880000000000AF6C6F737365735F696E5F615F726F7703A969735F706175736564C3AB68616C745F726561736F6ED93B696E76617269616E742062726F6B656E3A206F7264657220742D312069732066696C6C6564207769746820322C20746F6C642063616E63656C6564');
INSERT INTO "state" VALUES('regime','BTC/USDT',X'81A6726567696D65AA626561725F7472656E64');
INSERT INTO "state" VALUES('health','',X'83A86D6F64656C5F6964A76D6F64656C2D31A6616374696F6EA76F627365727665A7726561736F6E7392B5666561747572655F6472696674203331253E333025B863616C6962726174696F6E5F74202D332E303C3D2D332E30');
CREATE TABLE trades (
	number INTEGER NOT NULL, 
	symbol TEXT NOT NULL, 
	side TEXT NOT NULL, 
	opened_ms INTEGER NOT NULL, 
	closed_ms INTEGER NOT NULL, 
	quantity TEXT NOT NULL, 
	entry_price TEXT NOT NULL, 
	exit_price TEXT NOT NULL, 
	profit_quote TEXT NOT NULL, 
	fees_quote TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "trades" VALUES(1,'BTC/USDT','buy',1700000000000,1700000000000,'0.5','100','101','0.4','0.1','by hand');
INSERT INTO "trades" VALUES(2,'BTC/USDT','sell',1700000000000,1700000000001,'0.5','100','101','0.4','0.1','flatten');
INSERT INTO "trades" VALUES(3,'BTC/USDT','buy',1700000000000,1700000000002,'0.5','100','101','0.4','0.1','horizon');
INSERT INTO "trades" VALUES(4,'BTC/USDT','sell',1700000000000,1700000000003,'0.5','100','101','0.4','0.1','kill');
INSERT INTO "trades" VALUES(5,'BTC/USDT','buy',1700000000000,1700000000004,'0.5','100','101','0.4','0.1','no plan for it');
INSERT INTO "trades" VALUES(6,'BTC/USDT','sell',1700000000000,1700000000005,'0.5','100','101','0.4','0.1','signal turned');
INSERT INTO "trades" VALUES(7,'BTC/USDT','buy',1700000000000,1700000000006,'0.5','100','101','0.4','0.1','stop');
INSERT INTO "trades" VALUES(8,'BTC/USDT','sell',1700000000000,1700000000007,'0.5','100','101','0.4','0.1','take_profit');
INSERT INTO "trades" VALUES(9,'BTC/USDT','buy',1700000000000,1700000000008,'0.5','100','101','0.4','0.1','break_even');
INSERT INTO "trades" VALUES(10,'BTC/USDT','sell',1700000000000,1700000000009,'0.5','100','101','0.4','0.1','trailing_stop');
INSERT INTO "trades" VALUES(11,'BTC/USDT','buy',1700000000000,1700000000010,'0.5','100','101','0.4','0.1','partial');
INSERT INTO "trades" VALUES(12,'BTC/USDT','sell',1700000000000,1700000000011,'0.5','100','101','0.4','0.1','time');
INSERT INTO "trades" VALUES(13,'BTC/USDT','buy',1700000000000,1700000000012,'0.5','100','101','0.4','0.1','liquidation');
INSERT INTO "trades" VALUES(14,'BTC/USDT','sell',1700000000000,1700000000013,'0.5','100','101','0.4','0.1','dust');
INSERT INTO "trades" VALUES(15,'BTC/USDT','buy',1700000000000,1700000000014,'0.5','100','101','0.4','0.1','stop could not be placed');
INSERT INTO "trades" VALUES(16,'BTC/USDT','sell',1700000000000,1700000000015,'0.5','100','101','0.4','0.1','exit');
INSERT INTO "trades" VALUES(17,'BTC/USDT','buy',1700000000000,1700000000016,'0.5','100','101','0.4','0.1','entry');
CREATE TABLE trading_state (
	number INTEGER NOT NULL CHECK (number = 1), 
	state TEXT NOT NULL, 
	reasons TEXT, 
	ts_ms INTEGER NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "trading_state" VALUES(1,'halted','["0.500 BTC/USDT:USDT has no plan; policy halt","1 losses in a row","99 errors in a minute, at most 30","account stream is not live","clock +2500 ms from the exchange''s, at most 1000 ms","daily loss 0.3%, at most 0.1%","drawdown 0.5%, at most 0.2%","killed by command","market data is stale","paused by command","equity is not known","drawdown 15.3%, at most 15.0%","invariant broken: order t-1 is filled with 2, told canceled"]',1700000108000);
CREATE INDEX inputs_by_time ON inputs (ts_ms);
CREATE INDEX orders_by_status ON orders (status);
CREATE INDEX orders_by_time ON orders (updated_ms);
CREATE INDEX fills_by_time ON fills (symbol, ts_ms);
CREATE INDEX payments_by_time ON payments (ts_ms);
CREATE INDEX decisions_by_time ON decisions (ts_ms);
CREATE INDEX decisions_by_symbol ON decisions (symbol, ts_ms);
COMMIT;
