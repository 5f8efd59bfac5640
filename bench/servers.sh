# servers.sh: what the scripts that measure peers share: starts Redis and PostgreSQL on Unix
# sockets, with their data in $data (which the script sets), and stops them when it ends.
sockets=$(mktemp -d) # short: the path of a socket has at most 107 bytes
servers=()

stop() {
    local pid
    for pid in "${servers[@]}"; do
        kill -INT "$pid" 2>/dev/null || true # a fast shutdown, for PostgreSQL too
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$data" "$sockets"
}
trap stop EXIT
trap 'exit 130' INT TERM

# Without this peer: what a full run then says, and ends with.
absent() {
    echo "bench: no $1: $2" >&2
}

# wait_for NAME PID LOG COMMAND...: until the command succeeds.
wait_for() {
    local name=$1 pid=$2 log=$3
    shift 3
    for _ in $(seq 150); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 5 "$log" >&2
    absent "$name" "its server does not start"
    return 1
}

# start_redis OPTION...
start_redis() {
    local pid
    command -v redis-server >/dev/null || { absent redis "redis-server is not installed"; return; }
    mkdir -p "$data/redis"
    redis-server --port 0 --unixsocket "$sockets/redis" --dir "$data/redis" --save '' \
        "$@" --auto-aof-rewrite-percentage 0 \
        >"$data/redis.log" 2>&1 &
    pid=$!
    servers+=("$pid")
    wait_for redis "$pid" "$data/redis.log" redis-cli -s "$sockets/redis" ping || return 0
    export BENCH_REDIS_SOCKET=$sockets/redis
}

# PostgreSQL does not run as root.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then
        exec setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
    else
        exec "$@"
    fi
}

start_postgresql() {
    local pid programs cluster=$data/postgresql
    programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1) ||
        programs= # there is no such folder
    [ -n "$programs" ] || { absent postgresql "postgresql is not installed"; return; }
    mkdir -p "$cluster" "$sockets/postgresql"
    chmod 711 "$sockets"
    [ "$(id -u)" -ne 0 ] || chown postgres: "$cluster" "$sockets/postgresql"
    if ! (cd / && as_postgres "$programs/initdb" -D "$cluster" -U bench -A trust -E UTF8 \
        --locale=C --no-sync --no-instructions) >"$data/postgresql.log" 2>&1; then
        tail -n 3 "$data/postgresql.log" >&2
        absent postgresql "initdb does not make $cluster (can the user postgres get there?)"
        return
    fi
    # As its users would for such a load: no checkpoint and no vacuum in the middle of it.
    cat >>"$cluster/postgresql.conf" <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$sockets/postgresql'
fsync = on
synchronous_commit = on
max_connections = 100
shared_buffers = 256MB
min_wal_size = 1GB
max_wal_size = 4GB
checkpoint_timeout = 30min
autovacuum = off
SETTINGS
    (cd / && as_postgres "$programs/postgres" -D "$cluster") >>"$data/postgresql.log" 2>&1 &
    pid=$!
    servers+=("$pid")
    wait_for postgresql "$pid" "$data/postgresql.log" \
        "$programs/psql" -h "$sockets/postgresql" -U bench -d postgres -c 'SELECT 1' || return 0
    export BENCH_POSTGRESQL_SOCKETS=$sockets/postgresql
}
