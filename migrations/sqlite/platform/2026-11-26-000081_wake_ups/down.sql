DROP TABLE wake_ups;
