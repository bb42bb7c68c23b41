-- Every statement of the service as SQL Server gets it, under the function of work_queue/ that runs
-- it. Written by tests/integration/test_statements.py, which fails when it is stale.

-- intake.store_request: Write a request with all its rows and images, or, where ``rows`` raises,
-- nothing.
SELECT
  DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS anon_1;
INSERT INTO requests (
  public_id,
  status,
  file_name,
  url_column,
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
  created_at
)
OUTPUT inserted.id
VALUES
  (
    :public_id,
    :status,
    :file_name,
    :url_column,
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
    :created_at
  );
INSERT INTO products (
  request_id,
  row_number,
  serial_number,
  product_name
)
VALUES
  (:request_id, :row_number, :serial_number, :product_name);
INSERT INTO images (
  request_id,
  row_number,
  position,
  input_url,
  host_number,
  status,
  attempts,
  crash_count,
  next_attempt_at
)
OUTPUT inserted.id
VALUES
  (
    :request_id,
    :row_number,
    :position,
    :input_url,
    :host_number,
    :status,
    :attempts,
    :crash_count,
    :next_attempt_at
  );
INSERT INTO hosts (
  request_id,
  number,
  host
)
VALUES
  (:request_id, :number, :host);
UPDATE images SET copy_of = anon_1.first
FROM images, (
    SELECT
      images.input_url COLLATE Latin1_General_100_BIN2 AS url,
      MIN(images.id) AS first
    FROM images
    WHERE
      images.request_id = :request_id_1
    GROUP BY
      images.input_url COLLATE Latin1_General_100_BIN2
    HAVING
      COUNT(*) > :count_1
  ) AS anon_1
WHERE
  images.request_id = :request_id_2
  AND images.input_url COLLATE Latin1_General_100_BIN2 = anon_1.url
  AND images.id > anon_1.first;
UPDATE requests SET row_count = :row_count, total = :total
WHERE
  requests.id = :id_1;

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
        AND images.next_attempt_at <= DATEADD(MILLISECOND, :param_3, SYSUTCDATETIME())
    )
  )
  OR (
    EXISTS(
      SELECT
        *
      FROM images
      WHERE
        images.status = N'Processing'
        AND images.lease_until < DATEADD(MILLISECOND, :param_5, SYSUTCDATETIME())
    )
  )
  OR (
    EXISTS(
      SELECT
        *
      FROM webhooks
      WHERE
        webhooks.status = N'Pending'
        AND webhooks.next_attempt_at <= DATEADD(MILLISECOND, :param_7, SYSUTCDATETIME())
    )
  )
  OR (
    EXISTS(
      SELECT
        *
      FROM webhooks
      WHERE
        webhooks.status = N'Processing'
        AND webhooks.lease_until < DATEADD(MILLISECOND, :param_9, SYSUTCDATETIME())
    )
  )
  OR (
    EXISTS(
      SELECT
        *
      FROM requests
      WHERE
        requests.status <> N'Completed'
        AND requests.completed + requests.failed = requests.total
        AND (
          requests.lease_until IS NULL
          OR requests.lease_until < DATEADD(MILLISECOND, :param_11, SYSUTCDATETIME())
        )
    )
  );

-- claims.claim_images: Claim up to ``limit`` due images of one host, of the request that was
-- served longest ago.
SELECT
  requests.id
FROM requests
WHERE
  requests.status <> N'Completed'
  AND (
    EXISTS(
      SELECT
        *
      FROM images
      WHERE
        images.request_id = requests.id
        AND images.host_number > :host_number_1
        AND images.status = N'Pending'
        AND images.copy_of IS NULL
    )
  )
ORDER BY
  requests.served_at,
  requests.id
OFFSET :offset ROWS
FETCH FIRST :param_3 ROWS ONLY;
SELECT
TOP 1
  hosts.request_id,
  hosts.number,
  hosts.host,
  requests.public_id,
  requests.reduce_by,
  requests.format,
  requests.max_width,
  requests.max_height,
  (
    requests.total - requests.completed
  ) - requests.failed AS anon_1
FROM hosts
JOIN requests
  ON requests.id = hosts.request_id
WHERE
  hosts.request_id = :request_id
  AND hosts.number >= (
    SELECT
      MIN(images.host_number) AS min_1
    FROM images
    WHERE
      images.request_id = :request_id
      AND images.status = N'Pending'
      AND images.copy_of IS NULL
  )
  AND (
    NOT hosts.host IN (:excluded_hosts_1, :excluded_hosts_2)
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
        AND images.next_attempt_at <= DATEADD(MILLISECOND, :param_4, SYSUTCDATETIME())
    )
  )
ORDER BY
  hosts.number;
UPDATE images SET status = :status, attempts = (
  images.attempts + :attempts_1
), claimed_by = :worker, lease_until = DATEADD(MILLISECOND, :lease_seconds, SYSUTCDATETIME())
OUTPUT inserted.id, inserted.row_number, inserted.position, inserted.input_url, inserted.attempts, inserted.crash_count
WHERE
  images.id IN (
    SELECT
    TOP 1
      images.id
    FROM images   WITH (ROWLOCK, UPDLOCK, READPAST)
    WHERE
      images.request_id = :of_request
      AND images.host_number = :of_host
      AND images.status = N'Pending'
      AND images.copy_of IS NULL
      AND images.next_attempt_at <= DATEADD(MILLISECOND, :param_3, SYSUTCDATETIME())
    ORDER BY
      images.next_attempt_at,
      images.id
  )
  AND images.status = N'Pending'
  AND images.copy_of IS NULL;
UPDATE requests   WITH (ROWLOCK, READPAST) SET status = :status, served_at = CASE
  WHEN (
    requests.completed + requests.failed >= :param_1
  )
  THEN DATEADD(MILLISECOND, :param_2, SYSUTCDATETIME())
  ELSE requests.served_at
END
WHERE
  requests.id = :served;
SELECT
TOP 1
  hosts.request_id,
  hosts.number,
  hosts.host,
  requests.public_id,
  requests.reduce_by,
  requests.format,
  requests.max_width,
  requests.max_height,
  (
    requests.total - requests.completed
  ) - requests.failed AS anon_1
FROM hosts
JOIN requests
  ON requests.id = hosts.request_id
WHERE
  hosts.request_id = :request_id
  AND hosts.number >= (
    SELECT
      MIN(images.host_number) AS min_1
    FROM images
    WHERE
      images.request_id = :request_id
      AND images.status = N'Pending'
      AND images.copy_of IS NULL
  )
  AND (
    NOT hosts.host IN (NULL) OR (
      1 = 1
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
        AND images.next_attempt_at <= DATEADD(MILLISECOND, :param_4, SYSUTCDATETIME())
    )
  )
ORDER BY
  hosts.number;

-- claims.renew_claims: Extend the leases of claimed images.
UPDATE images SET lease_until = DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME())
WHERE
  images.id IN (:id_1_1)
  AND images.status = N'Processing'
  AND images.claimed_by = :claimed_by_1;

-- expired_claims.count_crash: Count, before it is tried again, an image whose earlier worker
-- crashed.
UPDATE images SET crash_count = (
  images.crash_count + :crash_count_1
)
WHERE
  images.id = :id_1
  AND images.status = N'Processing'
  AND images.claimed_by = :claimed_by_1;

-- outcomes.record_outcomes: Write how claims ended, and the counters with them, in one
-- transaction.
SELECT
  DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()) AS anon_1;
SELECT
  images.id,
  images.attempts,
  (
    SELECT
      COUNT(*) AS count_1
    FROM images AS images_1
    WHERE
      images_1.copy_of = images.id
      AND images_1.status = N'Pending'
      AND NOT images_1.copy_of IS NULL
  ) AS copies
FROM images   WITH (ROWLOCK, UPDLOCK)
WHERE
  images.id IN (:ids_1)
  AND images.status = N'Processing'
  AND images.claimed_by = :worker;
UPDATE images SET status = :status, attempts = :attempts, crash_count = :crash_count, next_attempt_at = :next_attempt_at, claimed_by = NULL, lease_until = NULL, completed_at = :completed_at, error_code = NULL, error_message = NULL, output_name = :output_name, input_bytes = :input_bytes, output_bytes = :output_bytes, width = NULL, height = NULL, format = NULL, method = NULL, quality = NULL, scale = NULL, encodes = NULL, target_met = NULL
WHERE
  images.copy_of = :copy_of_1
  AND images.status = N'Pending'
  AND NOT images.copy_of IS NULL;
UPDATE images SET status = :status, attempts = :attempts, crash_count = :crash_count, next_attempt_at = :next_attempt_at, claimed_by = :claimed_by, lease_until = :lease_until, completed_at = :completed_at, error_code = :error_code, error_message = :error_message, output_name = :output_name, input_bytes = :input_bytes, output_bytes = :output_bytes, width = :width, height = :height, format = :format, method = :method, quality = :quality, scale = :scale, encodes = :encodes, target_met = :target_met
WHERE
  images.id = :image_id;
UPDATE requests SET completed = (
  requests.completed + :more_completed
), failed = (
  requests.failed + :more_failed
), bytes_in = (
  requests.bytes_in + :more_bytes_in
), bytes_out = (
  requests.bytes_out + :more_bytes_out
)
OUTPUT inserted.completed + inserted.failed AS anon_1, inserted.total
WHERE
  requests.id = :counted;

-- expired_claims.release_expired: Release the claims of workers that crashed; poison images have
-- failed.
UPDATE images SET status = :status, claimed_by = NULL, lease_until = NULL, completed_at = DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()), error_code = :error_code, error_message = :error_message
OUTPUT inserted.id, inserted.request_id
WHERE
  images.status = N'Processing'
  AND images.lease_until < DATEADD(MILLISECOND, :param_3, SYSUTCDATETIME())
  AND images.crash_count >= :crash_count_1;
UPDATE images SET status = :status, attempts = (
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
  AND images.lease_until < DATEADD(MILLISECOND, :param_3, SYSUTCDATETIME());
UPDATE webhooks SET status = :status, attempts = (
  webhooks.attempts - :attempts_1
), claimed_by = NULL, lease_until = NULL
WHERE
  webhooks.status = N'Processing'
  AND webhooks.lease_until < DATEADD(MILLISECOND, :param_2, SYSUTCDATETIME());

-- completion.claim_finished: Claim a request whose images have all ended and whose output CSV
-- nobody is writing.
UPDATE requests SET claimed_by = :claimed_by, lease_until = DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME())
OUTPUT inserted.id, inserted.public_id, inserted.url_column
WHERE
  requests.id IN (
    SELECT
    TOP 1
      requests.id
    FROM requests   WITH (ROWLOCK, UPDLOCK, READPAST)
    WHERE
      requests.status <> N'Completed'
      AND requests.completed + requests.failed = requests.total
      AND (
        requests.lease_until IS NULL
        OR requests.lease_until < DATEADD(MILLISECOND, :param_4, SYSUTCDATETIME())
      )
    ORDER BY
      requests.served_at,
      requests.id
  )
  AND requests.status <> N'Completed'
  AND requests.completed + requests.failed = requests.total
  AND (
    requests.lease_until IS NULL
    OR requests.lease_until < DATEADD(MILLISECOND, :param_4, SYSUTCDATETIME())
  );

-- completion.finished_images: The images of a claimed request in the order of the CSV, a page at
-- a time.
UPDATE requests SET lease_until = DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME())
WHERE
  requests.id = :id_1 AND requests.claimed_by = :claimed_by_1;
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
UPDATE requests SET status = :status, completed_at = DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()), claimed_by = NULL, lease_until = NULL
OUTPUT inserted.webhook_url
WHERE
  requests.id = :id_1
  AND requests.claimed_by = :claimed_by_1
  AND requests.status <> N'Completed';
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
    DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME())
  );

-- notifications.claim_webhooks: Claim up to ``limit`` webhooks that are due.
UPDATE webhooks SET status = :status, attempts = (
  webhooks.attempts + :attempts_1
), claimed_by = :worker, lease_until = DATEADD(MILLISECOND, :lease_seconds, SYSUTCDATETIME())
OUTPUT inserted.id, inserted.request_id, inserted.message_id, inserted.url, inserted.attempts
WHERE
  webhooks.id IN (
    SELECT
    TOP 4
      webhooks.id
    FROM webhooks   WITH (ROWLOCK, UPDLOCK, READPAST)
    WHERE
      webhooks.status = N'Pending'
      AND webhooks.next_attempt_at <= DATEADD(MILLISECOND, :param_3, SYSUTCDATETIME())
    ORDER BY
      webhooks.next_attempt_at,
      webhooks.id
  )
  AND webhooks.status = N'Pending';

-- notifications.record_attempt: Write one attempt: delivered without an ``error``; the last one
-- without ``retry_seconds``.
UPDATE webhooks SET status = :status, next_attempt_at = DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()), claimed_by = NULL, lease_until = NULL
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
    DATEADD(MILLISECOND, :param_1, SYSUTCDATETIME()),
    :status_code,
    :duration_ms,
    :error
  );

-- read_queries.find_request: The request that users know by this id.
SELECT
  requests.id,
  requests.public_id,
  requests.status,
  requests.file_name,
  requests.webhook_url,
  requests.reduce_by,
  requests.format,
  requests.max_width,
  requests.max_height,
  requests.total,
  requests.completed,
  requests.failed,
  requests.bytes_in,
  requests.bytes_out,
  requests.created_at,
  requests.completed_at
FROM requests
WHERE
  requests.public_id = :public_id;

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
  images.width,
  images.height,
  images.format,
  images.method,
  images.quality,
  images.scale,
  images.encodes,
  images.target_met
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

-- read_queries.find_webhook: A request's newest webhook, or None before there is one.
SELECT
TOP 1
  webhooks.id,
  webhooks.status,
  webhooks.next_attempt_at
FROM webhooks
WHERE
  webhooks.request_id = :request_id_1
ORDER BY
  webhooks.id DESC;

-- read_queries.find_attempts: The attempts to deliver a webhook, in their order.
SELECT
  webhook_attempts.attempted_at,
  webhook_attempts.status_code,
  webhook_attempts.duration_ms,
  webhook_attempts.error
FROM webhook_attempts
WHERE
  webhook_attempts.webhook_id = :webhook_id_1
ORDER BY
  webhook_attempts.number;
