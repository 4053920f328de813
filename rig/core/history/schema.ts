/** Raised when a table changes. */
export const schemaVersion = 2;

/** What makes a file of an older format one of the next; one that has no entry here is built anew from the run folders. */
export const migrations: Readonly<Record<number, string>> = {
  1: 'alter table run add column night text; alter table run add column image_name text; pragma user_version = 2;',
};

/**
 * Times are milliseconds since 1970, durations milliseconds. A subject is a test on a board, over all runs; a boot is one epoch of a board
 * that began with power or a reset.
 */
export const schema = `
create table run (
  id integer primary key,
  name text not null unique,
  dir text not null,
  started integer not null,
  duration integer not null,
  exit_code integer not null,
  truncated integer not null,
  revision text,
  version text not null,
  host text not null,
  seed integer not null,
  night text,
  image_name text
);
create index run_by_time on run (started);

create table run_board (
  run integer not null references run on delete cascade,
  board text not null,
  type text,
  image text,
  image_version text,
  boots integer not null,
  cpu_seconds real,
  primary key (run, board)
) without rowid;

create table subject (
  id integer primary key,
  board text not null,
  suite text not null,
  name text not null,
  unique (board, suite, name)
);

create table result (
  subject integer not null references subject,
  run integer not null references run on delete cascade,
  started integer not null,
  repetition integer not null,
  verdict text not null,
  ms integer not null,
  attempts integer not null,
  code text,
  blame text,
  message text,
  primary key (subject, started, run, repetition)
) without rowid;
create index result_by_run on result (run);

create table stage (
  board text not null,
  stage text not null,
  started integer not null,
  run integer not null references run on delete cascade,
  epoch integer not null,
  ms integer not null,
  primary key (board, stage, started, run, epoch)
) without rowid;
create index stage_by_run on stage (run);

create table measure (
  subject integer not null references subject,
  name text not null,
  unit text not null,
  started integer not null,
  run integer not null references run on delete cascade,
  number integer not null,
  value real not null,
  primary key (subject, name, unit, started, run, number)
) without rowid;
create index measure_by_run on measure (run);

pragma user_version = ${schemaVersion};
`;
