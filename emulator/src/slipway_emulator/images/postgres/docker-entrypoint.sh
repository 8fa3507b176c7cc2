#!/bin/bash
# Starts PostgreSQL as the official image does: same variables, same order, same files.
# Source of the interface: the official image's documentation, "Environment Variables",
# "Initialization scripts" and "Arbitrary --user Notes".
set -Eeuo pipefail

fail() {
  printf 'Error: %s\n' "$1" >&2
  exit 1
}

# Sets the variable $1 from the file that ${1}_FILE names, or to the default $2.
read_setting() {
  local name=$1 file_name="${1}_FILE"
  [[ -z ${!name-} || -z ${!file_name-} ]] || fail "both $name and $file_name are set (but are exclusive)"
  if [[ -n ${!file_name-} ]]; then
    printf -v "$name" '%s' "$(<"${!file_name}")"
  else
    printf -v "$name" '%s' "${!name:-${2-}}"
  fi
  export "${name?}"
  unset "$file_name"
}

# True for a command line that prints something and ends: it needs no data directory.
only_prints() {
  local argument
  for argument; do
    case $argument in
      -'?' | --help | --describe-config | -V | --version) return 0 ;;
    esac
  done
  return 1
}

prepare_directories() {
  mkdir -p "$PGDATA" /var/run/postgresql
  chmod 0700 "$PGDATA" || true
  chmod 03775 /var/run/postgresql || true
  [[ -z ${POSTGRES_INITDB_WALDIR:-} ]] || mkdir -p "$POSTGRES_INITDB_WALDIR"
  if [[ $(id -u) -eq 0 ]]; then
    find "$PGDATA" ${POSTGRES_INITDB_WALDIR:+"$POSTGRES_INITDB_WALDIR"} /var/run/postgresql \
      \! -user postgres -exec chown postgres:postgres '{}' +
  fi
}

read_settings() {
  read_setting POSTGRES_PASSWORD
  read_setting POSTGRES_USER postgres
  read_setting POSTGRES_DB "$POSTGRES_USER"
  read_setting POSTGRES_INITDB_ARGS
  : "${POSTGRES_HOST_AUTH_METHOD:=}"
}

init_database_directory() {
  local -a arguments=()
  # The words of POSTGRES_INITDB_ARGS are quoted as in a shell: --wal-segsize=1 --locale="en_US.utf8".
  eval "arguments=($POSTGRES_INITDB_ARGS)"
  [[ -z ${POSTGRES_INITDB_WALDIR:-} ]] || arguments+=(--waldir "$POSTGRES_INITDB_WALDIR")
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
    --pgdata="$PGDATA" "${arguments[@]}"
  local method=${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption)}
  if [[ $method == trust ]]; then
    printf '\n# warning: trust lets anyone connect without a password\n'
  fi >>"$PGDATA/pg_hba.conf"
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

run_sql() {
  PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password --no-psqlrc "$@"
}

create_database() {
  local exists
  exists=$(run_sql --dbname postgres --set db="$POSTGRES_DB" --tuples-only \
    <<<"SELECT 1 FROM pg_database WHERE datname = :'db';")
  if [[ -z $exists ]]; then
    run_sql --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
  fi
}

run_init_files() {
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh)
        printf '%s: %s\n' "$0" "running $file"
        if [[ -x $file ]]; then
          "$file"
        else
          # shellcheck disable=SC1090 # the user's own script
          . "$file"
        fi
        ;;
      *.sql) printf '%s: %s\n' "$0" "running $file" && run_sql --dbname "$POSTGRES_DB" -f "$file" ;;
      *.sql.gz) printf '%s: %s\n' "$0" "running $file" && gunzip -c "$file" | run_sql --dbname "$POSTGRES_DB" ;;
      *.sql.xz) printf '%s: %s\n' "$0" "running $file" && xzcat "$file" | run_sql --dbname "$POSTGRES_DB" ;;
      *.sql.zst) printf '%s: %s\n' "$0" "running $file" && zstd -dc "$file" | run_sql --dbname "$POSTGRES_DB" ;;
      */\*) ;;
      *) printf '%s: %s\n' "$0" "ignoring $file" ;;
    esac
  done
}

initialise() {
  [[ -n $POSTGRES_PASSWORD || $POSTGRES_HOST_AUTH_METHOD == trust ]] || fail \
    'Database is uninitialized and superuser password is not specified.
       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser
       ("-e POSTGRES_PASSWORD=password" on "docker run"), or
       POSTGRES_HOST_AUTH_METHOD=trust to allow all connections without a password.'
  init_database_directory
  export PGPASSWORD=${PGPASSWORD:-$POSTGRES_PASSWORD}
  # Until the init files have run, nothing outside the container can connect.
  PGUSER=${PGUSER:-$POSTGRES_USER} pg_ctl -D "$PGDATA" -w start \
    -o "$(printf '%q ' "${@:2}" -c listen_addresses= -p "${PGPORT:-5432}")"
  create_database
  run_init_files
  PGUSER=${PGUSER:-postgres} pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGPASSWORD
  printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

if [[ ${1:0:1} == - ]]; then
  set -- postgres "$@"
fi
if [[ $1 == postgres ]] && ! only_prints "$@"; then
  prepare_directories
  if [[ $(id -u) -eq 0 ]]; then
    export HOME=/var/lib/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "${BASH_SOURCE[0]}" "$@"
  fi
  read_settings
  if [[ -s $PGDATA/PG_VERSION ]]; then
    printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
  else
    initialise "$@"
  fi
fi
exec "$@"
