-- Every statement of the service as SQL Server gets it, under the function of work_queue/ that runs
-- it. Written by tests/integration/test_statements.py, which fails when it is stale.

-- intake.store_request: Write a request with all its rows and images, or, where ``rows`` raises,
-- nothing.
SELECT
  requests.id
FROM requests
WHERE
  requests.public_id = :public_id_1;
INSERT INTO requests (
  public_id,
  status,
  file_name,
  webhook_url,
  reduce_by,
  format,
  max_width,
  max_height,
  row_count,
  total,
  completed,
  failed,
  bytes_in,
  bytes_out,
  created_at,
  max_bytes,
  keep_dimensions,
  idempotency_key,
  content_hash,
  key_id,
  reading,
  names,
  preset
)
OUTPUT inserted.id
VALUES
  (
    :public_id,
    :status,
    :file_name,
    :webhook_url,
    :reduce_by,
    :format,
    :max_width,
    :max_height,
    :row_count,
    :total,
    :completed,
    :failed,
    :bytes_in,
    :bytes_out,
    CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)),
    :max_bytes,
    :keep_dimensions,
    :idempotency_key,
    :content_hash,
    :key_id,
    :reading,
    :names,
    :preset
  );
UPDATE api_keys SET used_on = api_keys.used_on
WHERE
  api_keys.id = :id_1;
SELECT
  COUNT(*) AS count_1,
  COALESCE(SUM((
    requests.total - requests.completed
  ) - requests.failed), :coalesce_2) AS coalesce_1
FROM requests
WHERE
  requests.key_id = :key_id_1
  AND requests.status <> N'Completed'
  AND requests.is_whole = 1;
SELECT id, first_id
FROM (
    SELECT id, MIN(id) OVER (PARTITION BY HASHBYTES('SHA2_256', input_url)) AS first_id
    FROM images
    WHERE request_id = :request_id
) AS firsts
WHERE first_id < id;
UPDATE images
SET copy_of = given.copy_of
FROM OPENJSON(:rows) WITH (id BIGINT, copy_of BIGINT) AS given
INNER LOOP JOIN images WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_images (id)))
    ON images.id = given.id;
INSERT INTO requests (
  public_id,
  status,
  file_name,
  webhook_url,
  reduce_by,
  format,
  max_width,
  max_height,
  row_count,
  total,
  completed,
  failed,
  bytes_in,
  bytes_out,
  created_at,
  lease_until,
  max_bytes,
  keep_dimensions,
  is_whole,
  idempotency_key,
  content_hash,
  key_id,
  reading,
  names,
  preset
)
OUTPUT inserted.id
VALUES
  (
    :public_id,
    :status,
    :file_name,
    :webhook_url,
    :reduce_by,
    :format,
    :max_width,
    :max_height,
    :row_count,
    :total,
    :completed,
    :failed,
    :bytes_in,
    :bytes_out,
    CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)),
    CAST(DATEADD(MILLISECOND, :param_2, SYSUTCDATETIME()) AS DATETIME2(3)),
    :max_bytes,
    :keep_dimensions,
    :is_whole,
    :idempotency_key,
    :content_hash,
    :key_id,
    :reading,
    :names,
    :preset
  );
UPDATE requests SET lease_until = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
WHERE
  requests.id = :id_1 AND requests.is_whole = 0 AND requests.claimed_by IS NULL;
SELECT
  products.row_number
FROM products
WHERE
  products.request_id = :request_id_1 AND products.row_number = :row_number_1;

-- claims.work_is_due: Whether a turn would find anything at all, in one query.
SELECT
  :param_1 AS anon_1
WHERE
  (
    EXISTS(
      SELECT
        *
      FROM images
      WHERE
        images.status = N'Pending'
        AND images.copy_of IS NULL
        AND images.next_attempt_at <= CAST(DATEADD(MILLISECOND, :param_3, SYSUTCDATETIME()) AS DATETIME2(3))
    )
  )
  OR (
    EXISTS(
      SELECT
        *
      FROM images
      WHERE
        images.status = N'Processing'
        AND images.lease_until < CAST(DATEADD(MILLISECOND, :param_5, SYSUTCDATETIME()) AS DATETIME2(3))
    )
  )
  OR (
    EXISTS(
      SELECT
        *
      FROM webhooks
      WHERE
        webhooks.status = N'Pending'
        AND webhooks.next_attempt_at <= CAST(DATEADD(MILLISECOND, :param_7, SYSUTCDATETIME()) AS DATETIME2(3))
    )
  )
  OR (
    EXISTS(
      SELECT
        *
      FROM webhooks
      WHERE
        webhooks.status = N'Processing'
        AND webhooks.lease_until < CAST(DATEADD(MILLISECOND, :param_9, SYSUTCDATETIME()) AS DATETIME2(3))
    )
  )
  OR (
    EXISTS(
      SELECT
        *
      FROM requests
      WHERE
        requests.status <> N'Completed'
        AND requests.is_whole = 1
        AND requests.completed + requests.failed = requests.total
        AND (
          requests.lease_until IS NULL
          OR requests.lease_until < CAST(DATEADD(MILLISECOND, :param_11, SYSUTCDATETIME()) AS DATETIME2(3))
        )
    )
  )
  OR (
    EXISTS(
      SELECT
        *
      FROM requests
      WHERE
        requests.is_whole = 0
        AND requests.lease_until < CAST(DATEADD(MILLISECOND, :param_12, SYSUTCDATETIME()) AS DATETIME2(3))
        AND NOT (
          EXISTS(
            SELECT
              *
            FROM images
            WHERE
              images.request_id = requests.id
              AND images.status = N'Processing'
              AND images.lease_until >= CAST(DATEADD(MILLISECOND, :param_14, SYSUTCDATETIME()) AS DATETIME2(3))
          )
        )
    )
  );

-- queue_state.queue_state: What is left to do, in one statement; its cost grows with open
-- requests and their hosts.
SELECT
  CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)) AS anon_1,
  (
    SELECT
      COUNT(*) AS count_1
    FROM requests
    WHERE
      requests.status <> N'Completed' AND requests.is_whole = 1
  ) AS anon_2,
  (
    SELECT
      SUM((
        requests.total - requests.completed
      ) - requests.failed) AS sum_1
    FROM requests
    WHERE
      requests.status <> N'Completed' AND requests.is_whole = 1
  ) AS anon_3,
  (
    SELECT
      MIN(hosts_of_open_requests.first_due) AS min_1
    FROM (
      SELECT
        (
          SELECT
            MIN(images.next_attempt_at) AS min_2
          FROM images
          WHERE
            images.request_id = hosts.request_id
            AND images.host_number = hosts.number
            AND images.status = N'Pending'
            AND images.copy_of IS NULL
        ) AS first_due
      FROM hosts
      JOIN requests
        ON requests.id = hosts.request_id
      WHERE
        requests.status <> N'Completed' AND requests.is_whole = 1
    ) AS hosts_of_open_requests
  ) AS anon_4,
  (
    SELECT
      COUNT(*) AS count_2
    FROM webhooks
    WHERE
      webhooks.status = N'Pending'
  ) AS anon_5,
  (
    SELECT
      MIN(webhooks.next_attempt_at) AS min_3
    FROM webhooks
    WHERE
      webhooks.status = N'Pending'
  ) AS anon_6;

-- queue_state.oldest_due_seconds: For how long the image that is due longest has waited; None
-- where none is due.
SELECT
  CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)) AS anon_1,
  (
    SELECT
      MIN(hosts_of_open_requests.first_due) AS min_1
    FROM (
      SELECT
        (
          SELECT
            MIN(images.next_attempt_at) AS min_2
          FROM images
          WHERE
            images.request_id = hosts.request_id
            AND images.host_number = hosts.number
            AND images.status = N'Pending'
            AND images.copy_of IS NULL
        ) AS first_due
      FROM hosts
      JOIN requests
        ON requests.id = hosts.request_id
      WHERE
        requests.status <> N'Completed' AND requests.is_whole = 1
    ) AS hosts_of_open_requests
  ) AS anon_2;

-- claims.claim_images: Claim up to ``limit`` due images of one host, of the request that was
-- served longest ago.
SELECT TOP (1) requests.id, due.number, due.host, requests.public_id, requests.reduce_by, requests.format,
    requests.max_width, requests.max_height, requests.max_bytes, requests.keep_dimensions,
    requests.names,
    COALESCE(due.timeouts, 0) AS timeouts,
    requests.total - requests.completed - requests.failed AS remaining
FROM requests
CROSS APPLY (
    SELECT TOP (1) hosts.number, hosts.host, hosts.timeouts 
    FROM hosts
    WHERE hosts.request_id = requests.id
        AND hosts.number >= (
            SELECT MIN(images.host_number) FROM images
            WHERE images.request_id = requests.id
                AND images.status = N'Pending' AND images.copy_of IS NULL
        )
        AND (hosts.rests_until IS NULL OR hosts.rests_until <= CAST(SYSUTCDATETIME() AS DATETIME2(3)))
        AND NOT EXISTS (SELECT 1 FROM pauses WHERE pauses.host IN (hosts.host, N'*'))
        AND hosts.host NOT IN (SELECT host FROM OPENJSON(:hosts) WITH (host NVARCHAR(255) '$'))
        AND (requests.id NOT IN (SELECT id FROM OPENJSON(:capped) WITH (id BIGINT '$')) OR hosts.host IN (SELECT host FROM OPENJSON(:known) WITH (host NVARCHAR(255) '$')))
        AND EXISTS (
            SELECT 1 FROM images
            WHERE images.request_id = hosts.request_id AND images.host_number = hosts.number
                AND images.status = N'Pending' AND images.copy_of IS NULL
                AND images.next_attempt_at <= CAST(SYSUTCDATETIME() AS DATETIME2(3))
        )
    ORDER BY hosts.number
) AS due
WHERE requests.key_id = :key_id
    AND requests.status <> N'Completed' AND requests.is_whole = 1 
ORDER BY requests.served_at, requests.id;
WITH due AS (
    SELECT TOP (:limit) *
    FROM images WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, INDEX (ix_images_pending))
    WHERE request_id = :request_id AND host_number = :host_number
        AND status = N'Pending' AND copy_of IS NULL AND next_attempt_at <= CAST(SYSUTCDATETIME() AS DATETIME2(3))
    ORDER BY next_attempt_at, id
)
UPDATE due
SET status = N'Processing', attempts = attempts + 1,
    claimed_by = :worker, lease_until = CAST(DATEADD(millisecond, :lease, SYSUTCDATETIME()) AS DATETIME2(3))
OUTPUT inserted.id, inserted.row_number, inserted.position, inserted.input_url,
    inserted.attempts, inserted.crash_count;
UPDATE requests WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
SET status = N'Processing', claimed = COALESCE(claimed, 0) + :claimed,
    served_at = CASE
        WHEN COALESCE(claimed, 0) + :claimed < :head_start
            AND created_at > CAST(DATEADD(millisecond, :since, SYSUTCDATETIME()) AS DATETIME2(3)) THEN served_at
        ELSE CAST(SYSUTCDATETIME() AS DATETIME2(3))
    END
WHERE id = :request_id;
SELECT products.row_number, products.serial_number, products.product_name
FROM OPENJSON(:ids) WITH (row_number INTEGER '$') AS given
INNER LOOP JOIN products WITH (FORCESEEK (pk_products (request_id, row_number)))
    ON products.request_id = :request_id AND products.row_number = given.row_number;

-- claims.renew_claims: Extend the leases of claimed images.
UPDATE held
SET lease_until = CAST(DATEADD(millisecond, :lease, SYSUTCDATETIME()) AS DATETIME2(3))
FROM OPENJSON(:ids) WITH (id BIGINT '$') AS given
INNER LOOP JOIN images AS held WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_images (id)))
    ON held.id = given.id
WHERE held.status = N'Processing' AND held.claimed_by = :worker;

-- expired_claims.count_crash: Count, before it is tried again, an image whose earlier worker
-- crashed.
UPDATE held
SET crash_count = held.crash_count + 1
FROM OPENJSON(:ids) WITH (id BIGINT '$') AS given
INNER LOOP JOIN images AS held WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_images (id)))
    ON held.id = given.id
WHERE held.status = N'Processing' AND held.claimed_by = :worker;

-- outcomes.record_outcomes: Write how claims ended, and the counters with them, in one
-- transaction.
UPDATE images 
SET status = given.status, claimed_by = NULL, lease_until = NULL,
    attempts = given.attempts, crash_count = given.crash_count, next_attempt_at = CAST(DATEADD(millisecond, given.wait, SYSUTCDATETIME()) AS DATETIME2(3)),
    completed_at = CASE WHEN given.status = 'Pending' THEN NULL ELSE CAST(SYSUTCDATETIME() AS DATETIME2(3)) END,
    error_code = given.error_code, error_message = given.error_message, output_name = given.output_name, input_bytes = given.input_bytes, output_bytes = given.output_bytes, content_hash = given.content_hash, width = given.width, height = given.height, format = given.format, method = given.method, quality = given.quality, scale = given.scale, encodes = given.encodes, target_met = given.target_met, missed_because = given.missed_because
OUTPUT inserted.id
FROM OPENJSON(:rows) WITH (id BIGINT, status NVARCHAR(10), attempts INTEGER, crash_count INTEGER, claimed_attempts INTEGER, wait INTEGER, error_code NVARCHAR(50), error_message NVARCHAR(1000), output_name NVARCHAR(100), input_bytes INTEGER, output_bytes INTEGER, content_hash NVARCHAR(16), width INTEGER, height INTEGER, format NVARCHAR(10), method NVARCHAR(10), quality INTEGER, scale FLOAT, encodes INTEGER, target_met BIT, missed_because NVARCHAR(20)) AS given
INNER LOOP JOIN images WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_images (id)))
    ON images.id = given.id
WHERE images.status = N'Processing'
    AND images.claimed_by = :worker AND images.attempts = given.claimed_attempts;
UPDATE images 
SET status = given.status, claimed_by = NULL, lease_until = NULL,
    attempts = given.attempts, crash_count = given.crash_count, next_attempt_at = CAST(DATEADD(millisecond, given.wait, SYSUTCDATETIME()) AS DATETIME2(3)),
    completed_at = CASE WHEN given.status = 'Pending' THEN NULL ELSE CAST(SYSUTCDATETIME() AS DATETIME2(3)) END,
    error_code = given.error_code, error_message = given.error_message, output_name = given.output_name, input_bytes = given.input_bytes, output_bytes = given.output_bytes, content_hash = given.content_hash, width = given.width, height = given.height, format = given.format, method = given.method, quality = given.quality, scale = given.scale, encodes = given.encodes, target_met = given.target_met, missed_because = given.missed_because
OUTPUT inserted.copy_of
FROM OPENJSON(:rows) WITH (id BIGINT, status NVARCHAR(10), attempts INTEGER, crash_count INTEGER, claimed_attempts INTEGER, wait INTEGER, error_code NVARCHAR(50), error_message NVARCHAR(1000), output_name NVARCHAR(100), input_bytes INTEGER, output_bytes INTEGER, content_hash NVARCHAR(16), width INTEGER, height INTEGER, format NVARCHAR(10), method NVARCHAR(10), quality INTEGER, scale FLOAT, encodes INTEGER, target_met BIT, missed_because NVARCHAR(20)) AS given
INNER LOOP JOIN images WITH (ROWLOCK, UPDLOCK, INDEX (ix_images_copies))
    ON images.copy_of = given.id
WHERE images.copy_of IS NOT NULL AND images.status = N'Pending';
UPDATE requests SET completed = requests.completed + given.completed, failed = requests.failed + given.failed, bytes_in = requests.bytes_in + given.bytes_in, bytes_out = requests.bytes_out + given.bytes_out
OUTPUT inserted.completed + inserted.failed, inserted.total
FROM OPENJSON(:rows) WITH (id BIGINT, completed INTEGER, failed INTEGER, bytes_in BIGINT, bytes_out BIGINT) AS given
INNER LOOP JOIN requests WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_requests (id)))
    ON requests.id = given.id;
UPDATE hosts 
SET timeouts = CASE WHEN given.timeouts = 0 THEN 0 ELSE COALESCE(hosts.timeouts, 0) + given.timeouts END,
    rests_until = CASE
        WHEN given.timeouts = 0 OR COALESCE(hosts.timeouts, 0) + given.timeouts >= 50 THEN NULL
        WHEN (COALESCE(hosts.timeouts, 0) + given.timeouts) / 5 > COALESCE(hosts.timeouts, 0) / 5
            THEN CAST(DATEADD(millisecond, 1000 * POWER(2, (COALESCE(hosts.timeouts, 0) + given.timeouts) / 5 - 1), SYSUTCDATETIME()) AS DATETIME2(3))
        ELSE hosts.rests_until
    END
FROM OPENJSON(:rows) WITH (request_id BIGINT, number INTEGER, timeouts INTEGER) AS given
INNER LOOP JOIN hosts WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_hosts (request_id, number)))
    ON hosts.request_id = given.request_id AND hosts.number = given.number;

-- expired_claims.release_expired: Release the claims of workers that crashed; returns how many
-- poison images have failed.
UPDATE images   WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK) SET status = :status, claimed_by = NULL, lease_until = NULL, completed_at = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)), error_code = :error_code, error_message = :error_message
OUTPUT inserted.request_id, inserted.id, inserted.attempts, inserted.crash_count
WHERE
  images.status = N'Processing'
  AND images.lease_until < CAST(DATEADD(MILLISECOND, :param_3, SYSUTCDATETIME()) AS DATETIME2(3))
  AND images.crash_count >= :crash_count_1;
UPDATE images   WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK) SET status = :status, attempts = (
  images.attempts - :attempts_1
), crash_count = CASE
  WHEN (
    images.crash_count = :crash_count_1
  )
  THEN :param_1
  ELSE images.crash_count
END, claimed_by = NULL, lease_until = NULL
WHERE
  images.status = N'Processing'
  AND images.lease_until < CAST(DATEADD(MILLISECOND, :param_3, SYSUTCDATETIME()) AS DATETIME2(3));
UPDATE webhooks   WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK) SET status = :status, attempts = (
  webhooks.attempts - :attempts_1
), claimed_by = NULL, lease_until = NULL
WHERE
  webhooks.status = N'Processing'
  AND webhooks.lease_until < CAST(DATEADD(MILLISECOND, :param_2, SYSUTCDATETIME()) AS DATETIME2(3));

-- completion.claim_finished: Claim a request whose images have all ended and whose output CSV
-- nobody is writing.
SELECT
TOP 1
  requests.id
FROM requests
WHERE
  requests.status <> N'Completed'
  AND requests.is_whole = 1
  AND requests.completed + requests.failed = requests.total
  AND (
    requests.lease_until IS NULL
    OR requests.lease_until < CAST(DATEADD(MILLISECOND, :param_3, SYSUTCDATETIME()) AS DATETIME2(3))
  )
ORDER BY
  requests.served_at,
  requests.id;
UPDATE requests SET claimed_by = :claimed_by, lease_until = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
OUTPUT inserted.id, inserted.public_id, inserted.url_column, inserted.reading, inserted.failed
WHERE
  requests.id = :id_1
  AND requests.status <> N'Completed'
  AND requests.is_whole = 1
  AND requests.completed + requests.failed = requests.total
  AND (
    requests.lease_until IS NULL
    OR requests.lease_until < CAST(DATEADD(MILLISECOND, :param_3, SYSUTCDATETIME()) AS DATETIME2(3))
  );

-- completion.finished_images: The images of a claimed request in the order of the CSV, a page at
-- a time.
UPDATE requests SET lease_until = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
WHERE
  requests.id = :id_1
  AND requests.claimed_by = :claimed_by_1
  AND requests.status <> N'Completed'
  AND requests.is_whole = 1;
SELECT
TOP 2000
  images.row_number,
  images.position,
  images.output_name,
  images.error_message
FROM images
WHERE
  images.request_id = :request_id_1
  AND images.row_number >= :row_number_1
  AND (
    images.row_number > :row_number_2 OR images.position > :position_1
  )
ORDER BY
  images.row_number,
  images.position;

-- completion.complete_request: Complete a claimed request and record its webhook, due in
-- ``webhook_seconds``.
UPDATE requests SET status = :status, completed_at = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)), claimed_by = NULL, lease_until = NULL
OUTPUT inserted.webhook_url
WHERE
  requests.id = :id_1
  AND requests.claimed_by = :claimed_by_1
  AND requests.status <> N'Completed'
  AND requests.is_whole = 1;
INSERT INTO webhooks (
  request_id,
  message_id,
  url,
  status,
  attempts,
  next_attempt_at
)
OUTPUT inserted.id
VALUES
  (
    :request_id,
    :message_id,
    :url,
    :status,
    :attempts,
    CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
  );

-- notifications.claim_webhook: Claim one that is due, unless its URL begins as one of the busy
-- receivers' does.
WITH due AS (
    SELECT TOP (1) *
    FROM webhooks WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK, INDEX (ix_webhooks_pending))
    WHERE status = N'Pending' AND next_attempt_at <= CAST(SYSUTCDATETIME() AS DATETIME2(3))
        AND EXISTS (
            SELECT 1 FROM requests
            WHERE requests.id = webhooks.request_id
                AND requests.status = N'Completed' AND requests.is_whole = 1
        )
        AND NOT EXISTS (
            SELECT 1 FROM OPENJSON(:hosts) WITH (receiver NVARCHAR(2000) '$') AS busy
            WHERE LOWER(LEFT(webhooks.url, LEN(busy.receiver))) = busy.receiver
                AND SUBSTRING(webhooks.url + N'/', LEN(busy.receiver) + 1, 1) IN (N'/', N'?', N'#')
        )
    ORDER BY next_attempt_at, id
)
UPDATE due
SET status = N'Processing', attempts = attempts + 1,
    claimed_by = :worker, lease_until = CAST(DATEADD(millisecond, :lease, SYSUTCDATETIME()) AS DATETIME2(3))
OUTPUT inserted.id, inserted.request_id, inserted.message_id, inserted.url, inserted.attempts;

-- notifications.holds_webhook: Whether it is to be delivered still, by this claim.
SELECT
  webhooks.id
FROM webhooks
WHERE
  webhooks.id = :id_1
  AND webhooks.status = N'Processing'
  AND webhooks.claimed_by = :claimed_by_1
  AND webhooks.attempts = :attempts_1;

-- notifications.record_attempt: Write one attempt: delivered without an ``error``; the last one
-- without ``retry_seconds``.
UPDATE webhooks SET status = :status, next_attempt_at = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)), claimed_by = NULL, lease_until = NULL
WHERE
  webhooks.id = :id_1
  AND webhooks.status = N'Processing'
  AND webhooks.claimed_by = :claimed_by_1
  AND webhooks.attempts = :attempts_1;
INSERT INTO webhook_attempts (
  webhook_id,
  number,
  attempted_at,
  status_code,
  duration_ms,
  error
)
VALUES
  (
    :webhook_id,
    :number,
    CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)),
    :status_code,
    :duration_ms,
    :error
  );

-- read_queries.find_request: The request that users know by this id, and how its notification
-- goes, in one message.
SELECT
  requests.id,
  requests.public_id,
  requests.status,
  requests.file_name,
  requests.url_column,
  requests.reading,
  requests.webhook_url,
  requests.reduce_by,
  requests.format,
  requests.max_width,
  requests.max_height,
  requests.max_bytes,
  requests.keep_dimensions,
  requests.names,
  requests.preset,
  requests.total,
  requests.completed,
  requests.failed,
  requests.bytes_in,
  requests.bytes_out,
  requests.created_at,
  requests.completed_at,
  requests.key_id,
  webhooks.id AS id_1,
  webhooks.status AS status_1,
  webhooks.next_attempt_at,
  webhook_attempts.attempted_at,
  webhook_attempts.status_code,
  webhook_attempts.duration_ms,
  webhook_attempts.error
FROM requests
LEFT OUTER JOIN webhooks
  ON webhooks.request_id = requests.id
LEFT OUTER JOIN webhook_attempts
  ON webhook_attempts.webhook_id = webhooks.id
WHERE
  requests.public_id = :public_id AND requests.is_whole = 1
ORDER BY
  webhooks.id DESC,
  webhook_attempts.number;

-- read_queries.find_images: A page of images with their products, in the order of the CSV,
-- behind a (row, position).
SELECT
  images.row_number,
  images.position,
  products.serial_number,
  products.product_name,
  images.input_url,
  images.output_name,
  images.status AS status,
  images.attempts,
  images.error_code,
  images.error_message,
  images.input_bytes,
  images.output_bytes,
  images.content_hash,
  images.width,
  images.height,
  images.format,
  images.method,
  images.quality,
  images.scale,
  images.encodes,
  images.target_met,
  images.missed_because
FROM images
JOIN products
  ON products.request_id = images.request_id
  AND products.row_number = images.row_number
WHERE
  images.request_id = :request_id
  AND images.row_number >= :row_number
  AND (
    images.row_number > :row_number OR images.position > :position
  )
ORDER BY
  images.row_number,
  images.position
OFFSET 0 ROWS
FETCH FIRST :limit ROWS ONLY;

-- read_queries.find_sorted_images: A page of images in another order, each with its sort key,
-- behind a (key, row, position).
SELECT
  images.row_number,
  images.position,
  products.serial_number,
  products.product_name,
  images.input_url,
  images.output_name,
  images.status AS status,
  images.attempts,
  images.error_code,
  images.error_message,
  images.input_bytes,
  images.output_bytes,
  images.content_hash,
  images.width,
  images.height,
  images.format,
  images.method,
  images.quality,
  images.scale,
  images.encodes,
  images.target_met,
  images.missed_because,
  CASE
    WHEN (
      images.status = N'Failed'
    )
    THEN :param_2
    WHEN (
      images.status = N'Completed' AND images.target_met = 0
    )
    THEN :param_4 - (
      CAST(images.output_bytes AS BIGINT) * :param_5
    ) / NULLIF(images.input_bytes, :nullif_1)
    WHEN (
      images.status = N'Completed'
    )
    THEN :param_6 - (
      CAST(images.output_bytes AS BIGINT) * :param_5
    ) / NULLIF(images.input_bytes, :nullif_1)
    ELSE :param_7
  END AS sort_key
FROM images
JOIN products
  ON products.request_id = images.request_id
  AND products.row_number = images.row_number
WHERE
  images.request_id = :request_id
  AND (
    CASE
      WHEN (
        images.status = N'Failed'
      )
      THEN :param_2
      WHEN (
        images.status = N'Completed' AND images.target_met = 0
      )
      THEN :param_4 - (
        CAST(images.output_bytes AS BIGINT) * :param_5
      ) / NULLIF(images.input_bytes, :nullif_1)
      WHEN (
        images.status = N'Completed'
      )
      THEN :param_6 - (
        CAST(images.output_bytes AS BIGINT) * :param_5
      ) / NULLIF(images.input_bytes, :nullif_1)
      ELSE :param_7
    END > :param_8
    OR CASE
      WHEN (
        images.status = N'Failed'
      )
      THEN :param_2
      WHEN (
        images.status = N'Completed' AND images.target_met = 0
      )
      THEN :param_4 - (
        CAST(images.output_bytes AS BIGINT) * :param_5
      ) / NULLIF(images.input_bytes, :nullif_1)
      WHEN (
        images.status = N'Completed'
      )
      THEN :param_6 - (
        CAST(images.output_bytes AS BIGINT) * :param_5
      ) / NULLIF(images.input_bytes, :nullif_1)
      ELSE :param_7
    END = :param_9
    AND images.row_number >= :row_number
    AND (
      images.row_number > :row_number OR images.position > :position
    )
  )
ORDER BY
  sort_key,
  images.row_number,
  images.position
OFFSET 0 ROWS
FETCH FIRST :limit ROWS ONLY;
SELECT
  images.row_number,
  images.position,
  products.serial_number,
  products.product_name,
  images.input_url,
  images.output_name,
  images.status AS status,
  images.attempts,
  images.error_code,
  images.error_message,
  images.input_bytes,
  images.output_bytes,
  images.content_hash,
  images.width,
  images.height,
  images.format,
  images.method,
  images.quality,
  images.scale,
  images.encodes,
  images.target_met,
  images.missed_because,
  CASE
    WHEN (
      images.status = N'Completed'
    )
    THEN (
      CAST(images.output_bytes AS BIGINT) * :param_2
    ) / NULLIF(images.input_bytes, :nullif_1)
    ELSE :param_3
  END AS sort_key
FROM images
JOIN products
  ON products.request_id = images.request_id
  AND products.row_number = images.row_number
WHERE
  images.request_id = :request_id
  AND (
    CASE
      WHEN (
        images.status = N'Completed'
      )
      THEN (
        CAST(images.output_bytes AS BIGINT) * :param_2
      ) / NULLIF(images.input_bytes, :nullif_1)
      ELSE :param_3
    END > :param_4
    OR CASE
      WHEN (
        images.status = N'Completed'
      )
      THEN (
        CAST(images.output_bytes AS BIGINT) * :param_2
      ) / NULLIF(images.input_bytes, :nullif_1)
      ELSE :param_3
    END = :param_5
    AND images.row_number >= :row_number
    AND (
      images.row_number > :row_number OR images.position > :position
    )
  )
ORDER BY
  sort_key,
  images.row_number,
  images.position
OFFSET 0 ROWS
FETCH FIRST :limit ROWS ONLY;
SELECT
  images.row_number,
  images.position,
  products.serial_number,
  products.product_name,
  images.input_url,
  images.output_name,
  images.status AS status,
  images.attempts,
  images.error_code,
  images.error_message,
  images.input_bytes,
  images.output_bytes,
  images.content_hash,
  images.width,
  images.height,
  images.format,
  images.method,
  images.quality,
  images.scale,
  images.encodes,
  images.target_met,
  images.missed_because,
  CASE
    WHEN (
      images.status = N'Completed'
    )
    THEN :output_bytes_1 - images.output_bytes
    ELSE :param_2
  END AS sort_key
FROM images
JOIN products
  ON products.request_id = images.request_id
  AND products.row_number = images.row_number
WHERE
  images.request_id = :request_id
  AND (
    CASE
      WHEN (
        images.status = N'Completed'
      )
      THEN :output_bytes_1 - images.output_bytes
      ELSE :param_2
    END > :param_3
    OR CASE
      WHEN (
        images.status = N'Completed'
      )
      THEN :output_bytes_1 - images.output_bytes
      ELSE :param_2
    END = :param_4
    AND images.row_number >= :row_number
    AND (
      images.row_number > :row_number OR images.position > :position
    )
  )
ORDER BY
  sort_key,
  images.row_number,
  images.position
OFFSET 0 ROWS
FETCH FIRST :limit ROWS ONLY;

-- read_queries.find_completed: A page of the images that went well, in the order of the CSV,
-- behind a (row, position).
SELECT
TOP 2000
  images.row_number,
  images.position,
  images.input_url,
  images.output_name,
  images.copy_of
FROM images
WHERE
  images.request_id = :request_id
  AND NOT images.output_name IS NULL
  AND images.row_number >= :row_number
  AND (
    images.row_number > :row_number OR images.position > :position
  )
ORDER BY
  images.row_number,
  images.position;

-- read_queries.find_ended: A page of all images, in the order of the CSV, behind a (row,
-- position).
SELECT
TOP 2000
  images.row_number,
  images.position,
  images.input_url,
  images.output_name,
  images.output_bytes,
  images.width,
  images.height,
  images.format
FROM images
WHERE
  images.request_id = :request_id_1
  AND images.row_number >= :row_number_1
  AND (
    images.row_number > :row_number_2 OR images.position > :position_1
  )
ORDER BY
  images.row_number,
  images.position;

-- catalogue_faults.find_faults: The figures of a request; its images are read for them, all of
-- them.
SELECT
  SUM(
    CASE
      WHEN (
        images.error_code = :error_code_1
        OR images.error_code = :error_code_2
        OR images.error_code = :error_code_3
      )
      THEN :param_1
      ELSE :param_2
    END
  ) AS sum_1,
  SUM(CASE WHEN (
    images.scale < :scale_1
  ) THEN :param_3 ELSE :param_4 END) AS sum_2,
  SUM(CASE WHEN (
    images.target_met = 0
  ) THEN :param_5 ELSE :param_6 END) AS sum_3
FROM images
WHERE
  images.request_id = :request_id_1;
SELECT
  COUNT(*) AS count_1
FROM (
  SELECT
    images.content_hash AS content_hash
  FROM images
  JOIN products
    ON products.request_id = images.request_id
    AND products.row_number = images.row_number
  WHERE
    images.request_id = :request_id_1 AND NOT images.content_hash IS NULL
  GROUP BY
    images.content_hash
  HAVING
    COUNT(DISTINCT products.serial_number) > :count_2
    AND COUNT(
      DISTINCT CASE
        WHEN (
          products.product_name <> :product_name_1
        )
        THEN products.product_name
      END
    ) > :count_3
) AS anon_1;

-- read_queries.find_failed_rows: A page of the numbers of rows that have a failed image, in
-- order, behind a row.
SELECT
TOP 2000
  images.row_number
FROM images
WHERE
  images.request_id = :request_id_1
  AND images.status = N'Failed'
  AND images.row_number > :row_number_1
GROUP BY
  images.row_number
ORDER BY
  images.row_number;

-- request_changes.notify_again: Make the newest notification of a completed request due now,
-- under the same message id.
SELECT
  MAX(webhooks.id) AS max_1
FROM webhooks
WHERE
  webhooks.request_id IN (
    SELECT
      requests.id
    FROM requests
    WHERE
      requests.public_id = :public_id_1
      AND requests.status = N'Completed'
      AND requests.is_whole = 1
  );
UPDATE webhooks SET status = :status, next_attempt_at = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
WHERE
  webhooks.id = :id_1 AND webhooks.status <> N'Processing';

-- request_changes.retry_failed: Make the failed images of a request pending again, also while
-- others are worked on.
SELECT
  requests.id,
  requests.row_count,
  requests.total
FROM requests
WHERE
  requests.public_id = :public_id_1 AND requests.is_whole = 1;
UPDATE hosts SET timeouts = :timeouts, rests_until = NULL
WHERE
  hosts.request_id = :request_id_1
  AND (
    hosts.timeouts > :timeouts_1 OR NOT hosts.rests_until IS NULL
  );
UPDATE images SET copy_of = NULL, status = :status, attempts = :attempts, crash_count = :crash_count, next_attempt_at = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)), completed_at = NULL, error_code = NULL, error_message = NULL, output_name = NULL, input_bytes = NULL, output_bytes = NULL, width = NULL, height = NULL, format = NULL, method = NULL, quality = NULL, scale = NULL, encodes = NULL, target_met = NULL, missed_because = NULL, content_hash = NULL
WHERE
  images.request_id = :request_id_1
  AND images.status = N'Failed'
  AND images.row_number BETWEEN :row_number_1 AND :row_number_2;
UPDATE requests SET status = :status, failed = (
  requests.failed + :failed_1
), completed_at = NULL, claimed_by = NULL, lease_until = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
WHERE
  requests.id = :id_1 AND requests.is_whole = 1;
UPDATE webhooks SET status = :status, claimed_by = NULL, lease_until = NULL
WHERE
  webhooks.request_id = :request_id_1
  AND (
    webhooks.status = N'Pending' OR webhooks.status = N'Processing'
  );
UPDATE requests SET lease_until = NULL
WHERE
  requests.id = :id_1 AND requests.claimed_by IS NULL AND requests.is_whole = 1;

-- request_changes.cancel: End the images that have not ended; the worker that is at one finds
-- its claim gone.
SELECT
  requests.id,
  requests.row_count,
  requests.total
FROM requests
WHERE
  requests.public_id = :public_id_1 AND requests.is_whole = 1;
UPDATE images SET status = :status, claimed_by = NULL, lease_until = NULL, completed_at = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)), error_code = :error_code, error_message = :error_message
WHERE
  images.request_id = :request_id_1
  AND NOT (
    images.status = N'Completed' OR images.status = N'Failed'
  )
  AND images.row_number BETWEEN :row_number_1 AND :row_number_2;
UPDATE requests SET status = :status, failed = (
  requests.failed + :failed_1
), completed_at = NULL, claimed_by = NULL, lease_until = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
WHERE
  requests.id = :id_1 AND requests.is_whole = 1;
UPDATE webhooks SET status = :status, claimed_by = NULL, lease_until = NULL
WHERE
  webhooks.request_id = :request_id_1
  AND (
    webhooks.status = N'Pending' OR webhooks.status = N'Processing'
  );
UPDATE requests SET lease_until = NULL
WHERE
  requests.id = :id_1 AND requests.claimed_by IS NULL AND requests.is_whole = 1;

-- consistency.needs_file: Whether the image has a file, or is worked on and may get one any
-- moment.
SELECT
  images.id
FROM images
WHERE
  images.id = :id_1
  AND (
    images.status = N'Processing' OR NOT images.output_name IS NULL
  );

-- consistency.is_there: Whether there is a request with this id that everybody sees.
SELECT
  requests.id
FROM requests
WHERE
  requests.public_id = :public_id_1 AND requests.is_whole = 1;

-- read_queries.find_requests: A page of requests, the newest first, behind one; None where that
-- one is not there.
SELECT
TOP 100
  requests.id,
  requests.public_id,
  requests.status,
  requests.file_name,
  requests.url_column,
  requests.reading,
  requests.webhook_url,
  requests.reduce_by,
  requests.format,
  requests.max_width,
  requests.max_height,
  requests.max_bytes,
  requests.keep_dimensions,
  requests.names,
  requests.preset,
  requests.total,
  requests.completed,
  requests.failed,
  requests.bytes_in,
  requests.bytes_out,
  requests.created_at,
  requests.completed_at,
  requests.key_id
FROM requests
WHERE
  requests.is_whole = 1
  AND (
    LOWER(requests.file_name) LIKE '%' + LOWER(:file_name_1) + '%' ESCAPE '/'
  )
ORDER BY
  requests.id DESC;

-- request_changes.delete: Hide a request from everybody at once; it is removed when its workers
-- have let go of it.
UPDATE requests SET claimed_by = NULL, lease_until = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)), is_whole = :is_whole, idempotency_key = NULL
WHERE
  requests.public_id = :public_id_1 AND requests.is_whole = 1;

-- removal.hide_old: Hide some requests of a key that were completed longer ago, so that they are
-- removed.
UPDATE requests SET lease_until = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)), is_whole = :is_whole, idempotency_key = NULL
WHERE
  requests.id IN (
    SELECT
    TOP 20
      requests.id
    FROM requests
    WHERE
      requests.key_id = :key_id_1
      AND requests.status = N'Completed'
      AND requests.is_whole = 1
      AND requests.completed_at < :completed_at_1
    ORDER BY
      requests.completed_at
  )
  AND requests.status = N'Completed'
  AND requests.is_whole = 1;

-- api_keys.add_key: Make a key, and return its text; ``limits`` are columns. Raises NameTaken.
INSERT INTO api_keys (
  name,
  prefix,
  secret_hash,
  scope,
  created_at,
  max_open_images
)
OUTPUT inserted.id
VALUES
  (
    :name,
    :prefix,
    :secret_hash,
    :scope,
    CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)),
    :max_open_images
  );

-- api_keys.find_key:
SELECT
  api_keys.id,
  api_keys.name,
  api_keys.prefix,
  api_keys.secret_hash,
  api_keys.scope,
  api_keys.created_at,
  api_keys.expires_at,
  api_keys.revoked_at,
  api_keys.last_used_at,
  api_keys.uploads_per_minute,
  api_keys.max_open_requests,
  api_keys.max_open_images,
  api_keys.bytes_per_day,
  api_keys.cpu_seconds_per_day,
  api_keys.retention_days,
  api_keys.webhook_secret,
  api_keys.used_on,
  api_keys.used_bytes,
  api_keys.used_cpu_ms
FROM api_keys
WHERE
  api_keys.prefix = :prefix;

-- api_keys.note_use: Record that a key is used, unless that was done a moment ago.
UPDATE api_keys SET last_used_at = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
WHERE
  api_keys.id = :id_1
  AND (
    api_keys.last_used_at IS NULL
    OR api_keys.last_used_at < CAST(DATEADD(MILLISECOND, :param_2, SYSUTCDATETIME()) AS DATETIME2(3))
  );

-- api_keys.open_work: What a key has under way, from the counters of its open requests.
SELECT
  COUNT(*) AS count_1,
  COALESCE(SUM((
    requests.total - requests.completed
  ) - requests.failed), :coalesce_2) AS coalesce_1
FROM requests
WHERE
  requests.key_id = :key_id_1
  AND requests.status <> N'Completed'
  AND requests.is_whole = 1;

-- api_keys.keys_at_work: The keys with an image that is due in an open request: these take
-- turns.
SELECT
  keys.id
FROM (
  SELECT
    :param_1 AS id
  UNION ALL
  SELECT
    api_keys.id AS id
  FROM api_keys
) AS keys
WHERE
  EXISTS(
    SELECT
      *
    FROM requests
    WHERE
      requests.key_id = keys.id
      AND requests.status <> N'Completed'
      AND requests.is_whole = 1
      AND (
        EXISTS(
          SELECT
            *
          FROM hosts
          WHERE
            hosts.request_id = requests.id
            AND hosts.number >= (
              SELECT
                MIN(images.host_number) AS min_1
              FROM images
              WHERE
                images.request_id = requests.id
                AND images.status = N'Pending'
                AND images.copy_of IS NULL
            )
            AND NOT (
              EXISTS(
                SELECT
                  *
                FROM pauses
                WHERE
                  pauses.host IN (hosts.host, '*')
              )
            )
            AND (
              EXISTS(
                SELECT
                  *
                FROM images
                WHERE
                  images.request_id = hosts.request_id
                  AND images.host_number = hosts.number
                  AND images.status = N'Pending'
                  AND images.copy_of IS NULL
                  AND images.next_attempt_at <= CAST(DATEADD(MILLISECOND, :param_5, SYSUTCDATETIME()) AS DATETIME2(3))
              )
            )
        )
      )
  );

-- api_keys.add_to_use: Count what the images of keys took, for today; what came without a key is
-- not counted.
UPDATE api_keys 
SET used_bytes = CASE WHEN used_on = :day THEN used_bytes ELSE 0 END + given.bytes,
    used_cpu_ms = CASE WHEN used_on = :day THEN used_cpu_ms ELSE 0 END + given.cpu_ms,
    used_on = :day
FROM OPENJSON(:rows) WITH (id BIGINT, bytes BIGINT, cpu_ms BIGINT) AS given
INNER LOOP JOIN api_keys WITH (ROWLOCK, UPDLOCK, FORCESEEK (pk_api_keys (id)))
    ON api_keys.id = given.id;

-- api_keys.webhook_secret_of: The secret with which the key of a request signs; None for the
-- service's own.
SELECT
  api_keys.webhook_secret
FROM api_keys, requests
WHERE
  requests.id = :id_1 AND api_keys.id = requests.key_id;

-- api_keys.keys_to_clear: The keys with completed requests that are to go, each with its days; 0
-- days are for ever.
SELECT
  requests.key_id,
  COALESCE(api_keys.retention_days, :coalesce_2) AS coalesce_1,
  MIN(requests.completed_at) AS min_1
FROM requests
LEFT OUTER JOIN api_keys
  ON api_keys.id = requests.key_id
WHERE
  requests.status = N'Completed' AND requests.is_whole = 1
GROUP BY
  requests.key_id,
  COALESCE(api_keys.retention_days, :coalesce_2);

-- api_keys.change_key: Set columns of a key; False where there is none of this name.
UPDATE api_keys SET max_open_images = :max_open_images
WHERE
  api_keys.name = :name_1;

-- api_keys.renew_key: Give a key a new secret in place of the old one; its text.
UPDATE api_keys SET prefix = :prefix, secret_hash = :secret_hash, revoked_at = :revoked_at
WHERE
  api_keys.name = :name_1;
UPDATE api_keys SET expires_at = NULL
WHERE
  api_keys.name = :name_1
  AND api_keys.expires_at <= CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3));

-- api_keys.find_key_named:
SELECT
  api_keys.id,
  api_keys.name,
  api_keys.prefix,
  api_keys.secret_hash,
  api_keys.scope,
  api_keys.created_at,
  api_keys.expires_at,
  api_keys.revoked_at,
  api_keys.last_used_at,
  api_keys.uploads_per_minute,
  api_keys.max_open_requests,
  api_keys.max_open_images,
  api_keys.bytes_per_day,
  api_keys.cpu_seconds_per_day,
  api_keys.retention_days,
  api_keys.webhook_secret,
  api_keys.used_on,
  api_keys.used_bytes,
  api_keys.used_cpu_ms
FROM api_keys
WHERE
  api_keys.name = :name_1;

-- api_keys.revoke_key: End a key, for good; False where there is none of this name, or it was
-- revoked before.
UPDATE api_keys SET revoked_at = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
WHERE
  api_keys.name = :name_1 AND api_keys.revoked_at IS NULL;

-- api_keys.find_keys: All keys, the oldest first, revoked ones among them.
SELECT
  api_keys.id,
  api_keys.name,
  api_keys.prefix,
  api_keys.secret_hash,
  api_keys.scope,
  api_keys.created_at,
  api_keys.expires_at,
  api_keys.revoked_at,
  api_keys.last_used_at,
  api_keys.uploads_per_minute,
  api_keys.max_open_requests,
  api_keys.max_open_images,
  api_keys.bytes_per_day,
  api_keys.cpu_seconds_per_day,
  api_keys.retention_days,
  api_keys.webhook_secret,
  api_keys.used_on,
  api_keys.used_bytes,
  api_keys.used_cpu_ms
FROM api_keys
ORDER BY
  api_keys.id;

-- pauses.pause: Pause a host, or ALL_WORK; one that is paused stays so.
SELECT
  pauses.host
FROM pauses
WHERE
  pauses.host = :host_1;
INSERT INTO pauses (
  host,
  paused_at
)
VALUES
  (:host, CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)));

-- pauses.work_is_paused: Whether all work is paused.
SELECT
  pauses.host
FROM pauses
WHERE
  pauses.host = :host_1;

-- pauses.find_pauses: All of them; their cost grows with the hosts of open requests, and the
-- images that wait.
SELECT
  pauses.host,
  pauses.paused_at,
  COALESCE(SUM(waiting.images), :coalesce_2) AS coalesce_1
FROM pauses
LEFT OUTER JOIN (
  SELECT
    hosts.host AS host,
    (
      SELECT
        COUNT(*) AS count_1
      FROM images
      WHERE
        images.request_id = hosts.request_id
        AND images.host_number = hosts.number
        AND images.status = N'Pending'
        AND images.copy_of IS NULL
    ) AS images
  FROM hosts
  JOIN requests
    ON requests.id = hosts.request_id
  WHERE
    requests.status <> N'Completed'
    AND requests.is_whole = 1
    AND hosts.host IN (
      SELECT
        pauses.host
      FROM pauses
    )
) AS waiting
  ON waiting.host = pauses.host
GROUP BY
  pauses.host,
  pauses.paused_at
ORDER BY
  pauses.host;

-- pauses.resume: End a pause; False where there was none.
DELETE FROM pauses
WHERE
  pauses.host = :host_1;

-- tallies.add_tallies: Add what a process has counted, and remove what is old, of any process.
INSERT INTO tallies (counted_at, worker, host, code, ended, retried)
SELECT CAST(SYSUTCDATETIME() AS DATETIME2(3)), :worker, host, code, ended, retried
FROM OPENJSON(:rows) WITH (host NVARCHAR(255), code NVARCHAR(50), ended INTEGER, retried INTEGER) AS given;
DELETE TOP (1000) FROM tallies WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)
WHERE counted_at < CAST(DATEADD(millisecond, :since, SYSUTCDATETIME()) AS DATETIME2(3));

-- tallies.find_failures: What failed most in the last hour, then in all hours that are kept.
SELECT
TOP 100
  tallies.host,
  tallies.code,
  SUM(
    CASE
      WHEN (
        tallies.counted_at > CAST(DATEADD(MILLISECOND, :param_2, SYSUTCDATETIME()) AS DATETIME2(3))
      )
      THEN tallies.ended
      ELSE :param_3
    END
  ) AS failed_last_hour,
  SUM(
    CASE
      WHEN (
        tallies.counted_at > CAST(DATEADD(MILLISECOND, :param_4, SYSUTCDATETIME()) AS DATETIME2(3))
      )
      THEN tallies.retried
      ELSE :param_5
    END
  ) AS retried_last_hour,
  SUM(tallies.ended) AS failed,
  SUM(tallies.retried) AS retried
FROM tallies
WHERE
  tallies.counted_at > CAST(DATEADD(MILLISECOND, :param_6, SYSUTCDATETIME()) AS DATETIME2(3))
  AND tallies.code <> :code_1
GROUP BY
  tallies.host,
  tallies.code
ORDER BY
  SUM(
    CASE
      WHEN (
        tallies.counted_at > CAST(DATEADD(MILLISECOND, :param_2, SYSUTCDATETIME()) AS DATETIME2(3))
      )
      THEN tallies.ended
      ELSE :param_3
    END
  ) + SUM(
    CASE
      WHEN (
        tallies.counted_at > CAST(DATEADD(MILLISECOND, :param_4, SYSUTCDATETIME()) AS DATETIME2(3))
      )
      THEN tallies.retried
      ELSE :param_5
    END
  ) DESC,
  SUM(tallies.ended) + SUM(tallies.retried) DESC,
  tallies.host,
  tallies.code;

-- tallies.find_workers: The processes that have counted something in the last minutes, or hold
-- images now.
SELECT
  tallies.worker,
  SUM(tallies.ended) AS sum_1,
  MAX(tallies.counted_at) AS max_1
FROM tallies
WHERE
  tallies.counted_at > CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
GROUP BY
  tallies.worker;
SELECT
  CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3)) AS anon_1,
  images.claimed_by,
  COUNT(*) AS count_1
FROM images
WHERE
  images.status = N'Processing'
  AND images.lease_until >= CAST(DATEADD(MILLISECOND, :param_3, SYSUTCDATETIME()) AS DATETIME2(3))
GROUP BY
  images.claimed_by;

-- tallies.images_per_second: How many images ended a second, of late.
SELECT
  COALESCE(SUM(tallies.ended), :coalesce_2) AS coalesce_1
FROM tallies
WHERE
  tallies.counted_at > CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3));

-- removal.claim_removal: Claim a request that was deleted, or left half-written.
SELECT
TOP 1
  requests.id
FROM requests
WHERE
  requests.is_whole = 0
  AND requests.lease_until < CAST(DATEADD(MILLISECOND, :param_2, SYSUTCDATETIME()) AS DATETIME2(3))
  AND NOT (
    EXISTS(
      SELECT
        *
      FROM images
      WHERE
        images.request_id = requests.id
        AND images.status = N'Processing'
        AND images.lease_until >= CAST(DATEADD(MILLISECOND, :param_4, SYSUTCDATETIME()) AS DATETIME2(3))
    )
  )
ORDER BY
  requests.lease_until;
UPDATE requests SET claimed_by = :claimed_by, lease_until = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
OUTPUT inserted.id, inserted.public_id
WHERE
  requests.id = :id_1
  AND requests.is_whole = 0
  AND requests.lease_until < CAST(DATEADD(MILLISECOND, :param_2, SYSUTCDATETIME()) AS DATETIME2(3))
  AND NOT (
    EXISTS(
      SELECT
        *
      FROM images
      WHERE
        images.request_id = requests.id
        AND images.status = N'Processing'
        AND images.lease_until >= CAST(DATEADD(MILLISECOND, :param_4, SYSUTCDATETIME()) AS DATETIME2(3))
    )
  );

-- removal.remove_batch: Remove the next rows of a claimed request, and at last the request;
-- False when it is gone.
UPDATE requests SET lease_until = CAST(DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS DATETIME2(3))
WHERE
  requests.id = :id_1
  AND requests.is_whole = 0
  AND requests.claimed_by = :claimed_by_1;
SELECT
  products.row_number
FROM products
WHERE
  products.request_id = :request_id_1
ORDER BY
  products.row_number
OFFSET :param_1 ROWS
FETCH FIRST :param_2 ROWS ONLY;
SELECT
  images.row_number
FROM images
WHERE
  images.request_id = :request_id_1
ORDER BY
  images.row_number
OFFSET :param_1 ROWS
FETCH FIRST :param_2 ROWS ONLY;
DELETE FROM products
WHERE
  products.request_id = :request_id_1 AND products.row_number <= :row_number_1;
DELETE FROM requests
WHERE
  requests.id = :id_1;
