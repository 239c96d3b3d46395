# shellcheck shell=bash
# A PostgreSQL server of the demo's own: in its scratch directory, on a unix socket only, gone afterwards.

# shellcheck source=cross/packages.sh
source cross/packages.sh

# Prints the directory of the newest server programs on this machine; fails when there are none.
postgres_programs() {
    local found
    found=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb | grep -v '\*' | sort -V | tail -n 1)
    [ -n "$found" ] && dirname "$found"
}

need_postgres() {
    PG_PROGRAMS=$(postgres_programs) && return
    say "no PostgreSQL server programs here"
    install_packages postgresql-15 || return 1
    PG_PROGRAMS=$(postgres_programs)
}

# The server refuses to run as root.
as_server_user() {
    local user=nobody
    if ! is_root; then
        "$@"
        return
    fi
    if id postgres >/dev/null 2>&1; then user=postgres; fi
    (cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@")
}

start_postgres() {
    local data=$HERE/pg/data options
    mkdir -p "$HERE/pg/socket"
    ! is_root || chown -R "$(as_server_user id -u)" "$HERE/pg"
    as_server_user "$PG_PROGRAMS/initdb" --pgdata="$data" --username=postgres --auth=trust --encoding=UTF8 \
        --locale=C --no-sync >"$HERE/initdb.log" 2>&1 || fail "initdb failed: $(tail -n 2 "$HERE/initdb.log")"
    options="-k '$HERE/pg/socket' -c listen_addresses= -c fsync=off -c unix_socket_permissions=0700"
    as_server_user "$PG_PROGRAMS/pg_ctl" --silent --wait --pgdata="$data" --log="$HERE/pg/server.log" \
        --options="$options" start || fail "PostgreSQL did not start: $(tail -n 2 "$HERE/pg/server.log")"
    export PGHOST=$HERE/pg/socket PGUSER=postgres
    PATH=$PG_PROGRAMS:$PATH
}

stop_postgres() {
    [ -e "$HERE/pg/data/postmaster.pid" ] || return 0
    as_server_user "$PG_PROGRAMS/pg_ctl" --silent --wait --mode=immediate --pgdata="$HERE/pg/data" stop
}

fill_databases() {
    createdb shop
    createdb справочник
    psql --quiet shop <<'END'
CREATE TABLE orders (id serial PRIMARY KEY, customer text NOT NULL, total numeric(10, 2) NOT NULL);
INSERT INTO orders (customer, total) SELECT 'customer ' || n, n * 1.5 FROM generate_series(1, 20000) AS n;
END
    psql --quiet справочник <<'END'
CREATE TABLE "Регионы" ("Код" int PRIMARY KEY, "Имя" text);
INSERT INTO "Регионы" VALUES (77, 'Москва'), (18, 'Удмуртия');
END
}
