-- Who is to be told of an event has a job instead, in the same unit of work.
DROP TABLE outbox;
