-- A checkpoint of a format before 3, looked at as if it had been upgraded.
CREATE TEMP VIEW customer AS
    SELECT c.id, c.client_id, c.digest, c.run, c.claimed,
        nullif(c.outcome, 'unresolved') AS outcome,
        c.ours, c.keys_lost, c.customer_id, c.request_id, c.attempts, c.status, c.message, c.settled,
        c.outcome IS NULL OR c.outcome = 'unresolved' AS doubt,
        c.claimed + run.clock_ahead_ms AS claimed_by,
        iif(c.ours, coalesce(c.settled, c.claimed), NULL) AS created,
        0 AS orphan, NULL AS modified, NULL AS differing
    FROM main.customer c LEFT JOIN main.run ON run.id = c.run;
