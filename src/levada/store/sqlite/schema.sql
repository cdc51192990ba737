-- The tables of a Levada home, version 2. Ids are 16 raw bytes (UUID version 7, so they sort by time), times are
-- microseconds since 1970 UTC, states are the codes of levada.wire.records.STATE_CODES (0-4 open, 5 Completed,
-- 6 Failed, 7 Cancelled, 8 Crashed, 15 not known yet), blobs named body, data, fields and value are MessagePack.
-- To look around by hand: sqlite3 ~/.levada/levada.db "SELECT hex(id), name, state FROM flow_runs".

CREATE TABLE flows (
  name     TEXT PRIMARY KEY,
  created  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE flow_runs (
  id           BLOB NOT NULL,
  flow         TEXT NOT NULL,
  name         TEXT NOT NULL,
  epoch        INTEGER NOT NULL,
  state        INTEGER NOT NULL,
  state_name   TEXT,               -- only when it is not the state's default name
  writer       BLOB,               -- who opened the newest epoch
  parent_run   BLOB,
  parent_task  BLOB,
  created      INTEGER NOT NULL,
  started      INTEGER,
  ended        INTEGER,
  expected     INTEGER,            -- when it should start
  deployment   BLOB,
  deployed     INTEGER,            -- which version of its deployment it executes
  pool         TEXT,               -- where it is to be executed, and its queue there
  queue        TEXT,
  version      TEXT,               -- of its flow
  created_by   TEXT,
  message      TEXT,               -- of the present state, cut
  changed      INTEGER NOT NULL,   -- when this row was last written
  body         BLOB NOT NULL       -- openings, state history, changes: levada.store.bodies.RunBody
);
CREATE UNIQUE INDEX flow_runs_by_id ON flow_runs (id);
CREATE INDEX flow_runs_by_flow ON flow_runs (flow, id);
CREATE INDEX flow_runs_by_flow_state ON flow_runs (flow, state, id);
CREATE INDEX flow_runs_by_state ON flow_runs (state, id);
CREATE INDEX flow_runs_by_name ON flow_runs (name, id);
CREATE INDEX flow_runs_by_parent_run ON flow_runs (parent_run, id) WHERE parent_run IS NOT NULL;
CREATE INDEX flow_runs_by_parent_task ON flow_runs (parent_task, id) WHERE parent_task IS NOT NULL;
CREATE INDEX flow_runs_on_top ON flow_runs (id) WHERE parent_run IS NULL;
CREATE INDEX flow_runs_below ON flow_runs (id) WHERE parent_run IS NOT NULL;
CREATE INDEX flow_runs_open ON flow_runs (writer) WHERE state < 5;
CREATE INDEX flow_runs_scheduled ON flow_runs (expected, id) WHERE state = 0;
CREATE INDEX flow_runs_by_deployment ON flow_runs (deployment, id) WHERE deployment IS NOT NULL;
CREATE INDEX flow_runs_by_pool ON flow_runs (pool, id) WHERE pool IS NOT NULL;
CREATE INDEX flow_runs_with_message ON flow_runs (id, message) WHERE message IS NOT NULL;
CREATE INDEX flow_runs_by_changed ON flow_runs (changed, id);
CREATE INDEX flow_runs_by_created ON flow_runs (created, id);
-- Of the expressions that lists are sorted by, see levada.store.sql.flow_run_queries.
CREATE INDEX flow_runs_by_started ON flow_runs (coalesce(started, expected), id);
CREATE INDEX flow_runs_by_ended ON flow_runs (coalesce(ended, 4611686018427387904), id);
CREATE INDEX flow_runs_by_expected ON flow_runs (expected, id);
CREATE INDEX flow_runs_by_duration ON flow_runs (coalesce(ended - started, -1), id);

-- What flow runs are looked for by: t:<tag>, p:<parameter>=<shown value>, l:<label>=<text>; see levada.store.facts.
CREATE TABLE flow_run_facts (
  fact  TEXT NOT NULL,
  run   BLOB NOT NULL,
  PRIMARY KEY (fact, run)
) WITHOUT ROWID;
CREATE INDEX flow_run_facts_by_run ON flow_run_facts (run);

-- Which run the first asking with an idempotency key made.
CREATE TABLE idempotency (
  flow  TEXT NOT NULL,
  key   TEXT NOT NULL,
  run   BLOB NOT NULL,
  PRIMARY KEY (flow, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_run ON idempotency (run);

-- Values given to runs from outside.
CREATE TABLE flow_run_inputs (
  run      BLOB NOT NULL,
  key      TEXT NOT NULL,
  value    BLOB NOT NULL,
  created  INTEGER NOT NULL,
  sender   TEXT,
  PRIMARY KEY (run, key)
) WITHOUT ROWID;

-- What task runs were runs of; a row is shared by all runs of the same code.
CREATE TABLE calls (
  number  INTEGER PRIMARY KEY,
  key     TEXT NOT NULL,
  code    TEXT NOT NULL            -- '' when it was not recorded
);
CREATE UNIQUE INDEX calls_by_key ON calls (key, code);

-- One row is one task run with its whole history; at most 400 bytes of disk each, indexes included (tests/unit/store).
CREATE TABLE task_runs (
  id          BLOB NOT NULL,
  run         BLOB,                -- NULL for a task called outside flows
  call        INTEGER NOT NULL,    -- calls.number, 0 when its opening has not arrived
  state       INTEGER NOT NULL,
  state_name  TEXT,
  name        TEXT,
  tags        TEXT,                -- between unit separators (0x1f)
  holder      BLOB,                -- writer of the current state while that is not final
  message     TEXT,                -- of the present state when something went wrong, cut
  changed     INTEGER NOT NULL,    -- when this row was last written
  body        BLOB NOT NULL,       -- levada.store.bodies.TaskBody
  duration    INTEGER              -- milliseconds, of one that ended
);
CREATE UNIQUE INDEX task_runs_by_id ON task_runs (id);
CREATE INDEX task_runs_by_run ON task_runs (run, state, id);
CREATE INDEX task_runs_by_call ON task_runs (call, id);
CREATE INDEX task_runs_by_state ON task_runs (state, id) WHERE state <> 5;
CREATE INDEX task_runs_by_holder ON task_runs (holder) WHERE holder IS NOT NULL;
CREATE INDEX task_runs_by_changed ON task_runs (run, changed);
CREATE INDEX task_runs_with_message ON task_runs (id, message) WHERE message IS NOT NULL;

-- What happened. Without a position an event waits in the outbox; positions are given without gaps.
CREATE TABLE events (
  id        BLOB NOT NULL,
  position  INTEGER,
  occurred  INTEGER NOT NULL,
  event     TEXT NOT NULL,
  resource  TEXT NOT NULL,
  run       BLOB,
  body      BLOB NOT NULL          -- levada.wire.events.Event
);
CREATE UNIQUE INDEX events_by_id ON events (id);
CREATE UNIQUE INDEX events_by_position ON events (position) WHERE position IS NOT NULL;
CREATE INDEX events_waiting ON events (id) WHERE position IS NULL;
CREATE INDEX events_by_event ON events (event, id);
CREATE INDEX events_by_time ON events (occurred, id);
CREATE INDEX events_by_resource ON events (resource, id);
CREATE INDEX events_by_run ON events (run, id) WHERE run IS NOT NULL;

-- id is writers.number * 2^40 + the line's sequence in that journal, so that a second delivery finds the first.
CREATE TABLE logs (
  id       INTEGER PRIMARY KEY,
  run      BLOB,
  task     BLOB,
  at       INTEGER NOT NULL,
  level    INTEGER NOT NULL,
  logger   TEXT NOT NULL,
  message  TEXT NOT NULL,
  attempt  INTEGER NOT NULL,
  fields   BLOB
);
CREATE INDEX logs_by_run ON logs (run, at);
CREATE INDEX logs_by_task ON logs (task, at) WHERE task IS NOT NULL;
CREATE INDEX logs_by_time ON logs (at);

-- Finds lines by pieces of three characters. Filling it costs more than all the rest of a line, so lines wait for it
-- in logs_unindexed until there is time; a search looks at those one by one.
CREATE VIRTUAL TABLE logs_text USING fts5 (
  message, content = 'logs', content_rowid = 'id', tokenize = 'trigram', detail = 'none'
);
CREATE TABLE logs_unindexed (
  id  INTEGER PRIMARY KEY
);
CREATE TRIGGER logs_come AFTER INSERT ON logs BEGIN
  INSERT INTO logs_unindexed (id) VALUES (new.id);
END;
CREATE TRIGGER logs_go AFTER DELETE ON logs BEGIN
  INSERT INTO logs_text (logs_text, rowid, message)
    SELECT 'delete', old.id, old.message WHERE NOT EXISTS (SELECT 1 FROM logs_unindexed WHERE id = old.id);
  DELETE FROM logs_unindexed WHERE id = old.id;
END;

CREATE TABLE artifacts (
  id           BLOB NOT NULL,
  run          BLOB,
  task         BLOB,
  kind         TEXT NOT NULL,
  key          TEXT,
  created      INTEGER NOT NULL,
  updated      INTEGER NOT NULL,
  data         BLOB NOT NULL,
  description  TEXT
);
CREATE UNIQUE INDEX artifacts_by_id ON artifacts (id);
CREATE INDEX artifacts_by_run ON artifacts (run, id);
CREATE INDEX artifacts_by_key ON artifacts (key, id) WHERE key IS NOT NULL;
CREATE INDEX artifacts_by_kind ON artifacts (kind, id);

CREATE TABLE artifact_collections (
  key     TEXT PRIMARY KEY,
  latest  BLOB NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX artifact_collections_by_latest ON artifact_collections (latest);

CREATE TABLE variables (
  name     TEXT PRIMARY KEY,
  value    BLOB NOT NULL,
  tags     BLOB,
  created  INTEGER NOT NULL,
  updated  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE limits (
  name     TEXT PRIMARY KEY,
  slots    INTEGER NOT NULL,
  active   INTEGER NOT NULL DEFAULT 1,
  decay    REAL NOT NULL DEFAULT 0,  -- slots given back by themselves, per second
  created  INTEGER NOT NULL,
  updated  INTEGER NOT NULL
) WITHOUT ROWID;

-- Who holds slots of which limit. The occupancy of a limit is the sum of its live leases; there is no counter.
-- A lease that covers several limits has one row for each.
CREATE TABLE leases (
  id             BLOB NOT NULL,
  limit_name     TEXT NOT NULL,
  slots          INTEGER NOT NULL,
  holder_writer  BLOB,
  run            BLOB,
  task           BLOB,
  owner          TEXT NOT NULL DEFAULT '',
  acquired       INTEGER NOT NULL,
  expires        INTEGER NOT NULL,
  PRIMARY KEY (id, limit_name)
) WITHOUT ROWID;
CREATE INDEX leases_by_limit ON leases (limit_name, expires);
CREATE INDEX leases_by_holder ON leases (holder_writer) WHERE holder_writer IS NOT NULL;

-- Who waits for slots; a row for each limit that was asked for. Gone with the wait; one that is not asked anew is stale.
CREATE TABLE waiters (
  id             BLOB NOT NULL,    -- of the lease that the waiter will get
  limit_name     TEXT NOT NULL,
  slots          INTEGER NOT NULL,
  holder_writer  BLOB,
  run            BLOB,
  task           BLOB,
  since          INTEGER NOT NULL,
  asked          INTEGER NOT NULL, -- when it last said that it still waits
  priority       INTEGER NOT NULL DEFAULT 0, -- higher ones are served first
  PRIMARY KEY (limit_name, id)
) WITHOUT ROWID;
CREATE INDEX waiters_by_id ON waiters (id);

CREATE TABLE rate_buckets (
  name   TEXT PRIMARY KEY,
  level  REAL NOT NULL,
  at     INTEGER NOT NULL
) WITHOUT ROWID;

-- Journals, and how far each has been taken in: everything before (segment, offset) is in the tables above.
CREATE TABLE writers (
  number    INTEGER PRIMARY KEY,
  id        BLOB NOT NULL,
  segment   INTEGER NOT NULL DEFAULT 0,
  offset    INTEGER NOT NULL DEFAULT 0,
  sequence  INTEGER NOT NULL DEFAULT 0,
  renewed   INTEGER,               -- when a writer that ships last said something; NULL for journals of this home
  expires   INTEGER,               -- when it counts as gone unless it says something
  host      TEXT NOT NULL DEFAULT '',
  pid       INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX writers_by_id ON writers (id);
CREATE INDEX writers_by_expiry ON writers (expires) WHERE expires IS NOT NULL;

-- Records that a newer Levada wrote and this one could not read; the upgrade that can takes them in.
CREATE TABLE unread_records (
  writer    BLOB NOT NULL,
  sequence  INTEGER NOT NULL,
  payload   BLOB NOT NULL,
  PRIMARY KEY (writer, sequence)
) WITHOUT ROWID;

CREATE TABLE meta (
  key    TEXT PRIMARY KEY,
  value  BLOB NOT NULL
) WITHOUT ROWID;

-- Filters of a page under a name; query is MessagePack.
CREATE TABLE saved_searches (
  id       BLOB PRIMARY KEY,
  page     TEXT NOT NULL,
  name     TEXT NOT NULL,
  query    BLOB NOT NULL,
  created  INTEGER NOT NULL,
  updated  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX saved_searches_by_name ON saved_searches (page, name);

-- Actions on many runs; body is levada.wire.changes.BulkJob with what its work needs, as MessagePack.
CREATE TABLE bulk_jobs (
  id       BLOB PRIMARY KEY,
  state    TEXT NOT NULL,
  cursor   TEXT,                   -- how far the work got
  created  INTEGER NOT NULL,
  updated  INTEGER NOT NULL,
  body     BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX bulk_jobs_by_state ON bulk_jobs (state, id);

-- Keys for the API. Only a digest of the text is kept.
CREATE TABLE api_keys (
  id         BLOB PRIMARY KEY,
  name       TEXT NOT NULL,
  prefix     TEXT NOT NULL,        -- how the text begins, for people to recognise it
  hash       BLOB NOT NULL,
  scopes     TEXT NOT NULL,        -- between blanks
  created    INTEGER NOT NULL,
  expires    INTEGER,
  last_used  INTEGER,
  revoked    INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (hash);

-- Who is logged in with a browser; hash is the digest of the cookie.
CREATE TABLE sessions (
  hash       BLOB PRIMARY KEY,
  api_key    BLOB,                 -- NULL when no key was needed to log in
  principal  TEXT NOT NULL,
  created    INTEGER NOT NULL,
  expires    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_expiry ON sessions (expires);
CREATE INDEX sessions_by_key ON sessions (api_key) WHERE api_key IS NOT NULL;

-- What runs without anybody at hand: a flow with its code, parameters and place. Everything that one run can do and
-- another not is in a version; body is levada.wire.deployments.NewDeployment.
CREATE TABLE deployments (
  id       BLOB PRIMARY KEY,
  flow     TEXT NOT NULL,
  name     TEXT NOT NULL,
  paused   INTEGER NOT NULL DEFAULT 0,
  pool     TEXT,                   -- NULL: served by the process that made it
  queue    TEXT,
  live     INTEGER NOT NULL,       -- number of the version that new runs get
  created  INTEGER NOT NULL,
  updated  INTEGER NOT NULL,
  body     BLOB NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX deployments_by_name ON deployments (flow, name);
CREATE INDEX deployments_by_pool ON deployments (pool, queue) WHERE pool IS NOT NULL;

-- Never changed once written; body is levada.store.sql.deployments.VersionBody.
CREATE TABLE deployment_versions (
  deployment  BLOB NOT NULL,
  number      INTEGER NOT NULL,    -- from 1
  digest      TEXT NOT NULL,       -- of the body without who and when: deploying the same again makes no version
  created     INTEGER NOT NULL,
  body        BLOB NOT NULL,
  PRIMARY KEY (deployment, number)
) WITHOUT ROWID;

-- When a deployment runs by itself; body is levada.wire.deployments.ScheduleSpec. Runs are made when their time comes.
CREATE TABLE schedules (
  id          BLOB PRIMARY KEY,
  deployment  BLOB NOT NULL,
  slug        TEXT NOT NULL,
  active      INTEGER NOT NULL DEFAULT 1,
  next        INTEGER,             -- nominal time of the occurrence to come; NULL: none will
  due         INTEGER,             -- next with its jitter
  created     INTEGER NOT NULL,
  updated     INTEGER NOT NULL,
  body        BLOB NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX schedules_by_slug ON schedules (deployment, slug);
CREATE INDEX schedules_by_due ON schedules (due) WHERE active = 1 AND due IS NOT NULL;

-- What became of each time of a schedule, or of a backfill. The key makes it impossible that one is run twice.
CREATE TABLE occurrences (
  schedule  BLOB NOT NULL,         -- schedules.id or backfills.id
  nominal   INTEGER NOT NULL,
  outcome   INTEGER NOT NULL,      -- 0 planned (backfills), 1 made, 2 missed, 3 skipped
  run       BLOB,
  PRIMARY KEY (schedule, nominal)
) WITHOUT ROWID;
CREATE INDEX occurrences_by_time ON occurrences (nominal);
CREATE INDEX occurrences_planned ON occurrences (schedule, nominal) WHERE outcome = 0;
CREATE INDEX occurrences_by_run ON occurrences (run) WHERE run IS NOT NULL;

-- Runs of a deployment over a range of times gone by; body is levada.wire.deployments.Backfill.
CREATE TABLE backfills (
  id          BLOB PRIMARY KEY,
  deployment  BLOB NOT NULL,
  state       TEXT NOT NULL,
  created     INTEGER NOT NULL,
  updated     INTEGER NOT NULL,
  body        BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX backfills_by_deployment ON backfills (deployment, id);
CREATE INDEX backfills_by_state ON backfills (state, id);

-- Where runs can be executed; body is levada.wire.pools.PoolSpec.
CREATE TABLE work_pools (
  name     TEXT PRIMARY KEY,
  kind     TEXT NOT NULL,
  slots    INTEGER,                -- runs at once; NULL: as many as workers take
  paused   INTEGER NOT NULL DEFAULT 0,
  created  INTEGER NOT NULL,
  updated  INTEGER NOT NULL,
  body     BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE work_queues (
  pool      TEXT NOT NULL,
  name      TEXT NOT NULL,
  priority  INTEGER NOT NULL,      -- 1 is served first
  slots     INTEGER,
  paused    INTEGER NOT NULL DEFAULT 0,
  created   INTEGER NOT NULL,
  updated   INTEGER NOT NULL,
  description TEXT,
  PRIMARY KEY (pool, name)
) WITHOUT ROWID;

-- Who takes runs of a pool; body is levada.store.sql.work.WorkerBody.
CREATE TABLE workers (
  id       BLOB PRIMARY KEY,
  pool     TEXT NOT NULL,
  name     TEXT NOT NULL,
  created  INTEGER NOT NULL,
  seen     INTEGER NOT NULL,       -- when its claim loop last asked
  expires  INTEGER NOT NULL,       -- when it counts as gone unless it asks
  body     BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX workers_by_pool ON workers (pool, name);
CREATE INDEX workers_by_expiry ON workers (expires);

-- Kinds of waiting runs: all that what may be held up by the same limits. A claim looks at the head of each kind, so
-- that a hundred thousand runs behind one limit cost as much as one. Body is levada.store.sql.work.LaneBody.
CREATE TABLE lanes (
  id          BLOB PRIMARY KEY,    -- digest of what makes it this kind
  pool        TEXT NOT NULL,
  queue       TEXT NOT NULL,
  deployment  BLOB,
  body        BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX lanes_by_pool ON lanes (pool);

-- Runs of pools that have not ended: waiting, claimed by a worker, or begun by a process of theirs.
CREATE TABLE work (
  run         BLOB PRIMARY KEY,
  pool        TEXT NOT NULL,
  queue       TEXT NOT NULL,
  deployment  BLOB,
  lane        BLOB NOT NULL,
  stage       INTEGER NOT NULL,    -- 0 waiting, 1 claimed, 2 begun
  priority    INTEGER NOT NULL,    -- higher ones are taken first
  due         INTEGER NOT NULL,    -- not to be taken before
  since       INTEGER NOT NULL,    -- when it entered this stage
  epoch       INTEGER NOT NULL,    -- that its process is to open
  worker      BLOB,                -- who claimed it
  body        BLOB NOT NULL        -- levada.store.sql.work.WorkBody
) WITHOUT ROWID;
CREATE INDEX work_waiting ON work (lane, priority DESC, due, run) WHERE stage = 0;
CREATE INDEX work_by_due ON work (pool, due) WHERE stage = 0;
CREATE INDEX work_held ON work (pool, lane) WHERE stage > 0;
CREATE INDEX work_by_worker ON work (worker) WHERE worker IS NOT NULL;
CREATE INDEX work_by_deployment ON work (deployment, stage, run) WHERE deployment IS NOT NULL;
