DROP TABLE paused_queues;
DROP TABLE failed_jobs;
DROP TABLE jobs;
