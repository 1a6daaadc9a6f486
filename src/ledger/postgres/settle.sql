-- Settles claims: what "pending" releases, "unresolved" leaves in doubt, and all else ends.
-- The columns change as those of the SQLite checkpoint do (sqlite/batch.rs). The ids of
-- customers are compared by `<>`, which is not true, but null, where one is not known.
UPDATE kb.customer c SET
    outcome = CASE WHEN s.ends THEN s.outcome
        WHEN s.releases THEN coalesce(c.outcome, 'pending') ELSE c.outcome END,
    ours = CASE WHEN s.deletes THEN false WHEN s.releases THEN c.ours
        WHEN c.customer_id <> s.customer_id THEN s.ours
        WHEN s.ends THEN c.ours OR s.ours ELSE c.ours END,
    created = CASE WHEN s.deletes THEN NULL WHEN s.releases THEN c.created
        WHEN c.customer_id <> s.customer_id THEN CASE WHEN s.ours THEN $14::bigint END
        WHEN s.ends AND s.ours THEN coalesce(c.created, $14) ELSE c.created END,
    keys_lost = CASE WHEN s.ends AND (s.deletes OR s.outcome = 'created') THEN s.keys_lost
        WHEN s.releases THEN c.keys_lost ELSE c.keys_lost OR s.keys_lost END,
    customer_id = CASE WHEN s.releases THEN c.customer_id
        ELSE coalesce(s.customer_id, c.customer_id) END,
    request_id = CASE WHEN s.releases AND coalesce(c.outcome, 'pending') <> 'pending'
        THEN c.request_id ELSE coalesce(s.request_id, c.request_id) END,
    attempts = c.attempts + s.attempts,
    status = CASE WHEN s.releases AND coalesce(c.outcome, 'pending') <> 'pending'
        THEN c.status ELSE s.status END,
    message = CASE WHEN s.releases AND coalesce(c.outcome, 'pending') <> 'pending'
        THEN c.message ELSE s.message END,
    settled = CASE WHEN s.ends OR s.releases AND coalesce(c.outcome, 'pending') = 'pending'
        THEN $14 ELSE c.settled END,
    settled_run = CASE WHEN s.releases THEN c.settled_run ELSE $15 END,
    digest = CASE WHEN s.ends THEN s.digest ELSE c.digest END,
    doubt = CASE WHEN s.ends OR s.releases THEN 0 ELSE 2 END,
    orphan = s.orphan,
    modified = CASE WHEN s.deletes THEN NULL WHEN s.releases THEN c.modified
        WHEN c.customer_id <> s.customer_id THEN s.modified
        ELSE coalesce(s.modified, c.modified) END,
    differing = CASE WHEN s.ends THEN s.differing ELSE c.differing END
FROM (
    SELECT t.*, t.outcome = 'pending' AS releases, t.outcome = 'deleted' AS deletes,
        t.outcome NOT IN ('pending', 'unresolved') AS ends
    FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::boolean[], $5::boolean[],
            $6::boolean[], $7::text[], $8::text[], $9::bigint[], $10::integer[], $11::text[],
            $12::bigint[], $13::text[])
        AS t (id, outcome, digest, ours, orphan, keys_lost, customer_id, request_id, attempts,
            status, message, modified, differing)
) s
WHERE c.id = s.id
    -- A live worker's claim is settled by that worker alone.
    AND (c.worker = $16 OR NOT EXISTS (
        SELECT FROM kb.worker w WHERE w.id = c.worker AND w.state = 'live'))
