-- From format 2 to format 3.
-- The comments stand inside the statements, as in upgrade-2.sql.
ALTER TABLE customer ADD COLUMN doubt INTEGER NOT NULL DEFAULT 0
    /* 1: claimed and not settled since: something may have been sent */;
ALTER TABLE customer ADD COLUMN claimed_by INTEGER
    /* on the server's clock, a moment not before the claim; null: not known */;
ALTER TABLE customer ADD COLUMN created INTEGER
    /* when it was first known that this checkpoint created the customer */;
ALTER TABLE customer ADD COLUMN orphan INTEGER NOT NULL DEFAULT 0
    /* 1: asked for when its row had left the input */;
ALTER TABLE run ADD COLUMN log INTEGER NOT NULL DEFAULT 1
    /* 1: what was written next may stand in the log only; 0: all that was written before stands here */;

-- Until now a claim erased the outcome before it, and `unresolved` was one.
UPDATE customer SET
    doubt = outcome IS NULL OR outcome = 'unresolved',
    outcome = nullif(outcome, 'unresolved'),
    claimed_by = claimed + (SELECT clock_ahead_ms FROM run WHERE run.id = customer.run),
    created = iif(ours, coalesce(settled, claimed), NULL);
