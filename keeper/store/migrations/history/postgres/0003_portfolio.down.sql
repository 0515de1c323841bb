DROP TABLE risk_alerts;
DROP TABLE portfolio_snapshots;
