-- The tables of the image service for SQL Server 2016 SP1 or later: the twin of work_queue/models.py, kept
-- equal to it by tests/unit/test_schema.py. It can be run any number of times:
--
--     sqlcmd -S <server> -U <login> -P <password> -C -I -b -i schema.sql
--
-- It makes the database image_processing where there is none; for another one, change the name in this file
-- and in DATABASE_URL. The login that runs it may make databases; the service's own login
-- needs no more than db_datareader and db_datawriter.

SET NOCOUNT ON;
SET ANSI_NULLS ON;
SET QUOTED_IDENTIFIER ON; -- both are conditions of filtered indexes; sqlcmd starts with this one off
GO

IF DB_ID(N'image_processing') IS NULL
    EXEC (N'CREATE DATABASE image_processing');
GO

-- Status polls read the last committed version of a row and never wait for the workers that write it.
IF EXISTS (SELECT 1 FROM sys.databases WHERE name = N'image_processing' AND is_read_committed_snapshot_on = 0)
    EXEC (N'ALTER DATABASE image_processing SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE');
GO

USE image_processing;
GO

-- It makes whole tables only: a database of an earlier version is migrated by `make migrate`, and nothing of this file
-- is run on it from here on.
IF OBJECT_ID(N'dbo.requests') IS NOT NULL AND OBJECT_ID(N'dbo.alembic_version') IS NULL
BEGIN
    RAISERROR (N'The database was made by a version before 0.2.0: run make migrate.', 16, 1);
    SET NOEXEC ON;
END;
GO

IF OBJECT_ID(N'dbo.alembic_version') IS NULL
BEGIN
    CREATE TABLE dbo.alembic_version (
        version_num VARCHAR(32) NOT NULL,
        CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
    );
END;
IF OBJECT_ID(N'dbo.requests') IS NULL AND NOT EXISTS (SELECT 1 FROM dbo.alembic_version)
    INSERT INTO dbo.alembic_version (version_num) VALUES ('0013');
IF NOT EXISTS (SELECT 1 FROM dbo.alembic_version WHERE version_num = '0013')
BEGIN
    RAISERROR (N'The database is of another version: run make migrate.', 16, 1);
    SET NOEXEC ON;
END;
GO

-- One uploaded CSV: its options, its counters, and who is writing its output CSV. The clustered key is small and
-- growing; users know a request by its public_id.
IF OBJECT_ID(N'dbo.requests') IS NULL
BEGIN
    CREATE TABLE dbo.requests (
        id BIGINT NOT NULL IDENTITY(1,1),
        public_id UNIQUEIDENTIFIER NOT NULL,
        status NVARCHAR(10) NOT NULL,
        file_name NVARCHAR(255) NOT NULL,
        url_column NVARCHAR(1000) NULL,
        webhook_url NVARCHAR(2000) NULL,
        reduce_by INT NOT NULL,
        format NVARCHAR(10) NOT NULL,
        max_width INT NULL,
        max_height INT NULL,
        row_count INT NOT NULL,
        total INT NOT NULL,
        completed INT NOT NULL,
        failed INT NOT NULL,
        bytes_in BIGINT NOT NULL,
        bytes_out BIGINT NOT NULL,
        created_at DATETIME2(3) NOT NULL,
        completed_at DATETIME2(3) NULL,
        served_at DATETIME2(3) NULL,
        claimed_by NVARCHAR(100) NULL,
        lease_until DATETIME2(3) NULL,
        max_bytes INT NULL,
        keep_dimensions BIT NOT NULL DEFAULT 0,
        is_whole BIT NOT NULL DEFAULT 1,
        claimed INT NULL,
        idempotency_key NVARCHAR(64) NULL,
        content_hash NVARCHAR(64) NULL,
        key_id BIGINT NOT NULL DEFAULT 0,
        reading NVARCHAR(4000) NULL,
        names NVARCHAR(10) NOT NULL DEFAULT 'position',
        preset NVARCHAR(20) NULL,
        CONSTRAINT pk_requests PRIMARY KEY (id),
        CONSTRAINT ck_requests_status CHECK (status IN (N'Pending', N'Processing', N'Completed')),
        CONSTRAINT ck_requests_counters CHECK (completed + failed <= total),
        CONSTRAINT uq_requests_public_id UNIQUE (public_id)
    );
    -- Requests that still have work: those of a key in the order of their turns.
    CREATE INDEX ix_requests_open ON dbo.requests (key_id, served_at, id)
        INCLUDE (status, completed, failed, total, lease_until, is_whole)
        WHERE status <> N'Completed' AND is_whole = 1;
    -- One upload for each Idempotency-Key.
    CREATE UNIQUE INDEX ux_requests_idempotency_key ON dbo.requests (idempotency_key)
        WHERE idempotency_key IS NOT NULL;
    -- The list of a key's requests.
    CREATE INDEX ix_requests_key_id_id ON dbo.requests (key_id, id);
    -- Requests that RETENTION_DAYS may end.
    CREATE INDEX ix_requests_completed ON dbo.requests (key_id, completed_at)
        INCLUDE (status, is_whole)
        WHERE status = N'Completed' AND is_whole = 1;
    -- Uploads that are being written, or that a crash has left half-written: they are removed.
    CREATE INDEX ix_requests_partial ON dbo.requests (lease_until)
        INCLUDE (status, is_whole)
        WHERE is_whole = 0;
END
GO

-- Who may call, and how much. A key's secret is kept as its SHA-256; revoked keys stay, as their requests do.
IF OBJECT_ID(N'dbo.api_keys') IS NULL
BEGIN
    CREATE TABLE dbo.api_keys (
        id BIGINT NOT NULL IDENTITY(1,1),
        name NVARCHAR(100) NOT NULL,
        prefix NVARCHAR(16) NOT NULL,
        secret_hash NVARCHAR(64) NOT NULL,
        scope NVARCHAR(10) NOT NULL,
        created_at DATETIME2(3) NOT NULL,
        expires_at DATETIME2(3) NULL,
        revoked_at DATETIME2(3) NULL,
        last_used_at DATETIME2(3) NULL,
        uploads_per_minute INT NULL,
        max_open_requests INT NULL,
        max_open_images INT NULL,
        bytes_per_day BIGINT NULL,
        cpu_seconds_per_day INT NULL,
        retention_days INT NULL,
        webhook_secret NVARCHAR(255) NULL,
        used_on NVARCHAR(10) NULL,
        used_bytes BIGINT NOT NULL DEFAULT 0,
        used_cpu_ms BIGINT NOT NULL DEFAULT 0,
        CONSTRAINT pk_api_keys PRIMARY KEY (id),
        CONSTRAINT uq_api_keys_name UNIQUE (name),
        CONSTRAINT uq_api_keys_prefix UNIQUE (prefix)
    );
END
GO

-- The hosts of a request's URLs: a claim passes over a host without reading its images.
IF OBJECT_ID(N'dbo.hosts') IS NULL
BEGIN
    CREATE TABLE dbo.hosts (
        request_id BIGINT NOT NULL,
        number INT NOT NULL,
        host NVARCHAR(255) NOT NULL,
        timeouts INT NULL,
        rests_until DATETIME2(3) NULL,
        CONSTRAINT pk_hosts PRIMARY KEY (request_id, number),
        CONSTRAINT fk_hosts_requests FOREIGN KEY (request_id)
            REFERENCES dbo.requests (id) ON DELETE CASCADE
    );
END
GO

-- The data rows of a CSV; row_number is the place in the file.
IF OBJECT_ID(N'dbo.products') IS NULL
BEGIN
    CREATE TABLE dbo.products (
        request_id BIGINT NOT NULL,
        row_number INT NOT NULL,
        serial_number NVARCHAR(400) NOT NULL,
        product_name NVARCHAR(2000) NOT NULL,
        CONSTRAINT pk_products PRIMARY KEY (request_id, row_number),
        CONSTRAINT fk_products_requests FOREIGN KEY (request_id)
            REFERENCES dbo.requests (id) ON DELETE CASCADE
    );
END
GO

-- The notifications of completed requests; message_id is the same over all attempts.
IF OBJECT_ID(N'dbo.webhooks') IS NULL
BEGIN
    CREATE TABLE dbo.webhooks (
        id BIGINT NOT NULL IDENTITY(1,1),
        request_id BIGINT NOT NULL,
        message_id UNIQUEIDENTIFIER NOT NULL,
        url NVARCHAR(2000) NOT NULL,
        status NVARCHAR(10) NOT NULL,
        attempts INT NOT NULL,
        next_attempt_at DATETIME2(3) NOT NULL,
        claimed_by NVARCHAR(100) NULL,
        lease_until DATETIME2(3) NULL,
        CONSTRAINT pk_webhooks PRIMARY KEY (id),
        CONSTRAINT ck_webhooks_status CHECK (status IN (N'Pending', N'Processing', N'Delivered', N'Failed')),
        CONSTRAINT fk_webhooks_requests FOREIGN KEY (request_id)
            REFERENCES dbo.requests (id) ON DELETE CASCADE,
        CONSTRAINT uq_webhooks_message_id UNIQUE (message_id)
    );
    -- For the sweep: claims that may have run out.
    CREATE INDEX ix_webhooks_claimed ON dbo.webhooks (lease_until)
        INCLUDE (status)
        WHERE status = N'Processing';
    -- For the sweep: what is due.
    CREATE INDEX ix_webhooks_pending ON dbo.webhooks (next_attempt_at)
        INCLUDE (status)
        WHERE status = N'Pending';
    CREATE INDEX ix_webhooks_request_id ON dbo.webhooks (request_id);
END
GO

-- The URLs of a product. Deleting a request deletes its products and so its images: SQL Server allows one path of
-- cascades to a table, so host_number and copy_of (the first image with the same URL) are no foreign keys.
IF OBJECT_ID(N'dbo.images') IS NULL
BEGIN
    CREATE TABLE dbo.images (
        id BIGINT NOT NULL IDENTITY(1,1),
        request_id BIGINT NOT NULL,
        row_number INT NOT NULL,
        position INT NOT NULL,
        input_url NVARCHAR(4000) NOT NULL,
        host_number INT NOT NULL,
        copy_of BIGINT NULL,
        status NVARCHAR(10) NOT NULL,
        attempts INT NOT NULL,
        crash_count INT NOT NULL,
        next_attempt_at DATETIME2(3) NOT NULL,
        claimed_by NVARCHAR(100) NULL,
        lease_until DATETIME2(3) NULL,
        completed_at DATETIME2(3) NULL,
        error_code NVARCHAR(50) NULL,
        error_message NVARCHAR(1000) NULL,
        output_name NVARCHAR(100) NULL,
        input_bytes INT NULL,
        output_bytes INT NULL,
        width INT NULL,
        height INT NULL,
        format NVARCHAR(10) NULL,
        method NVARCHAR(10) NULL,
        quality INT NULL,
        scale FLOAT NULL,
        encodes INT NULL,
        target_met BIT NULL,
        missed_because NVARCHAR(20) NULL,
        content_hash NVARCHAR(16) NULL,
        CONSTRAINT pk_images PRIMARY KEY (id),
        CONSTRAINT fk_images_products FOREIGN KEY (request_id, row_number)
            REFERENCES dbo.products (request_id, row_number) ON DELETE CASCADE,
        CONSTRAINT uq_images_request_id_row_number_position UNIQUE (request_id, row_number, position),
        CONSTRAINT ck_images_status CHECK (status IN (N'Pending', N'Processing', N'Completed', N'Failed'))
    );
    -- One URL in thousands of places is answered by one statement, whose locks must not become one of the whole table.
    EXEC (N'ALTER TABLE dbo.images SET (LOCK_ESCALATION = DISABLE)');
    -- For the sweep: claims that may have run out.
    CREATE INDEX ix_images_claimed ON dbo.images (lease_until)
        INCLUDE (status)
        WHERE status = N'Processing';
    -- For the answer to an image, which is that of its copies.
    CREATE INDEX ix_images_copies ON dbo.images (copy_of)
        INCLUDE (status)
        WHERE status = N'Pending' AND copy_of IS NOT NULL;
    -- For the claims: what one host of one request has due. It shrinks as the work is done.
    CREATE INDEX ix_images_pending ON dbo.images (request_id, host_number, next_attempt_at, id)
        INCLUDE (status, copy_of)
        WHERE status = N'Pending' AND copy_of IS NULL;
END
GO

-- The tries to deliver a webhook.
IF OBJECT_ID(N'dbo.webhook_attempts') IS NULL
BEGIN
    CREATE TABLE dbo.webhook_attempts (
        webhook_id BIGINT NOT NULL,
        number INT NOT NULL,
        attempted_at DATETIME2(3) NOT NULL,
        status_code INT NULL,
        duration_ms INT NOT NULL,
        error NVARCHAR(1000) NULL,
        CONSTRAINT pk_webhook_attempts PRIMARY KEY (webhook_id, number),
        CONSTRAINT fk_webhook_attempts_webhooks FOREIGN KEY (webhook_id)
            REFERENCES dbo.webhooks (id) ON DELETE CASCADE
    );
END
GO

-- Hosts whose images nobody claims until an operator ends the pause; * is every host.
IF OBJECT_ID(N'dbo.pauses') IS NULL
BEGIN
    CREATE TABLE dbo.pauses (
        host NVARCHAR(255) NOT NULL,
        paused_at DATETIME2(3) NOT NULL,
        CONSTRAINT pk_pauses PRIMARY KEY (host)
    );
END
GO

-- What each worker process has counted in some seconds, kept for some hours: images that ended, and attempts that are to
-- be tried again, by host and code; images that went well together, with neither.
IF OBJECT_ID(N'dbo.tallies') IS NULL
BEGIN
    CREATE TABLE dbo.tallies (
        id BIGINT NOT NULL IDENTITY(1,1),
        counted_at DATETIME2(3) NOT NULL,
        worker NVARCHAR(100) NOT NULL,
        host NVARCHAR(255) NOT NULL,
        code NVARCHAR(50) NOT NULL,
        ended INT NOT NULL,
        retried INT NOT NULL,
        CONSTRAINT pk_tallies PRIMARY KEY (id)
    );
    -- For the operator's page, which reads some hours, and for what forgets the hours before.
    CREATE INDEX ix_tallies_counted_at ON dbo.tallies (counted_at)
        INCLUDE (worker, host, code, ended, retried);
END
GO

SET NOEXEC OFF;
GO
