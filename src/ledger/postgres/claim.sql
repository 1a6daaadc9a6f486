-- Claims rows that no other worker holds, unless claims of lost commits may still be sent.
-- A claim of which an earlier holder may have sent a request gets doubt 2. A digest of zeros
-- says that the row may have been sent with the values of several.
INSERT INTO kb.customer AS c
        (key, id, client_id, digest, run, worker, claimed, claimed_by, doubt)
    SELECT t.key, t.id, t.name, t.digest, $5::bigint, $6::bigint, $7::bigint, $8::bigint,
            CASE WHEN a.gaps THEN 2 ELSE 1 END
        FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::bytea[])
            AS t (key, id, name, digest), kb.account a
        WHERE coalesce(a.claims_after <= clock_timestamp(), true)
 ON CONFLICT (key) DO UPDATE SET
    digest = CASE
        WHEN c.digest = excluded.digest OR c.outcome NOT IN ('pending', 'failed') THEN c.digest
        WHEN c.doubt <> 0 OR c.outcome = 'failed' THEN decode(repeat('00', 16), 'hex')
        ELSE excluded.digest END,
    run = CASE WHEN c.doubt <> 0 THEN c.run ELSE excluded.run END,
    claimed = CASE WHEN c.doubt <> 0 THEN c.claimed ELSE excluded.claimed END,
    claimed_by = CASE WHEN c.doubt <> 0 THEN c.claimed_by ELSE excluded.claimed_by END,
    doubt = CASE WHEN c.doubt = 0 THEN excluded.doubt
        WHEN c.worker = excluded.worker AND c.run = excluded.run THEN c.doubt
        ELSE 2 END,
    worker = excluded.worker, orphan = false
 WHERE c.client_id = excluded.client_id AND c.id = excluded.id
    AND CASE WHEN c.doubt = 0
        THEN NOT $9::boolean OR coalesce(c.settled_run, 0) <= $10::bigint
        ELSE c.worker = excluded.worker OR EXISTS (
            SELECT FROM kb.worker w WHERE w.id = c.worker AND w.state <> 'live'
                AND (w.state = 'left' OR w.gone + w.quarantine <= clock_timestamp()))
        END
 RETURNING id
