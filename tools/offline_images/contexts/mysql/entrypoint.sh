#!/bin/sh
# Makes the data folder on the first start as the real image does, for the variables that
# compose.yaml sets: MYSQL_ROOT_PASSWORD_FILE and MYSQL_DATABASE; then runs the *.sql files of
# /docker-entrypoint-initdb.d and, at last, what it was asked to run.
set -eu
[ "${1:-}" = mysqld ] || exec "$@"
data=/var/lib/mysql
if [ "$(id -u)" = 0 ]; then
    chown mysql:mysql "$data"
    exec setpriv --reuid=mysql --regid=mysql --clear-groups "$0" "$@"
fi
if [ ! -d "$data/mysql" ]; then
    [ -n "${MYSQL_ROOT_PASSWORD_FILE:-}" ] || { echo "set MYSQL_ROOT_PASSWORD_FILE" >&2; exit 1; }
    password=$(cat "$MYSQL_ROOT_PASSWORD_FILE")
    socket=/tmp/first-start.sock
    echo "making the data folder"
    "$@" --initialize-insecure
    "$@" --skip-networking --socket="$socket" &
    server=$!
    client="mysql --no-defaults --user=root --socket=$socket"
    waited=0
    until $client --execute "SELECT 1" > /dev/null 2>&1; do
        kill -0 "$server"
        waited=$((waited + 1))
        [ "$waited" -lt 120 ] || { echo "the server did not start" >&2; exit 1; }
        sleep 0.5
    done
    {
        [ -z "${MYSQL_DATABASE:-}" ] || echo "CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`;"
        for file in /docker-entrypoint-initdb.d/*.sql; do
            [ ! -f "$file" ] || cat "$file"
        done
        echo "ALTER USER root@localhost IDENTIFIED BY '$password';"
    } | $client
    kill "$server"
    wait "$server" || true
fi
exec "$@"
