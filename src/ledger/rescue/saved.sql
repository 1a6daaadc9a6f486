-- What is different in a checkpoint that was saved from a damaged one.

-- What doesn't stand here may have been sent.
UPDATE account SET gaps = 1;

-- A page may be older than what was done since, and the end of a row may be
-- lost. No claim's time proves whose a customer is: without the server's clock,
-- what is found is not taken for ours. No run goes on in this file, and none of
-- them has a log beside it.
UPDATE run SET clock_ahead_ms = NULL, ended = coalesce(ended, 'cut off');
UPDATE customer SET claimed_by = NULL WHERE claimed_by IS NOT NULL;

-- Rows of an older format, and rows whose end is lost, have no word of doubt.
UPDATE customer SET doubt = 1, outcome = nullif(outcome, 'unresolved')
    WHERE outcome IS NULL OR outcome = 'unresolved';
UPDATE customer SET created = coalesce(settled, claimed) WHERE ours = 1 AND created IS NULL;

-- A run that can't be read leaves its number free, and the next one must not take
-- it: its clock is not for their times.
INSERT INTO run (id, command, inputs, fit_rows, began, changed, ended)
    SELECT DISTINCT run, 'import', '[]', 0, 0, 0, 'lost' FROM customer
    WHERE run NOT IN (SELECT id FROM run);
