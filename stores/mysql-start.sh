#!/bin/bash
# Every start of the container `mysql` (compose.yaml, k8s/base/stores), in place of the image's own
# way: what is set is what runs, what another process left behind is no obstacle, and a first start
# that was interrupted begins anew.
#
# Two variables, for where there are neither volumes for logs nor one for the socket (Kubernetes):
# MYSQL_LOG_DESTINATION       files (as mysql.cnf says, the default), or streams: errors to stderr, slow
#                             queries to stdout
# MYSQL_ADMINISTRATOR_HOST    whence `administrator` may come with root's secret, such as %; unset:
#                             whoever makes accounts comes by the socket
set -euo pipefail
shopt -s dotglob extglob nullglob
given=/etc/arloji/mysql.cnf settings=/tmp/mysql.cnf administrator=/tmp/administrator.sql
slow=/tmp/slow.log data=/var/lib/mysql unfinished=/var/lib/mysql/.first-start

refuse() {
    echo "mysql does not start: $*" >&2
    exit 1
}

host=${MYSQL_ADMINISTRATOR_HOST:-}
# It becomes a part of SQL, and the server resolves no names: an address, a network or a pattern.
[[ $host =~ ^[0-9A-Fa-f.:/%_]*$ ]] || refuse "MYSQL_ADMINISTRATOR_HOST is not an address or a pattern: $host"

# In Kubernetes /tmp outlives a container that ends, as long as its pod.
rm -f -- "$settings" "$administrator"
# A copy, since the server passes over a file that others may write (umask 000, WSL) and goes on with
# other settings.
cat "$given" > "$settings" || refuse "stores/mysql.cnf cannot be read"
case ${MYSQL_LOG_DESTINATION:-files} in
    files) ;;
    # Without a file's name errors go to stderr; `log_error = stderr` would be a file of that name.
    streams) sed -i -e '/^log_error *=/d' -e "s:^\(slow_query_log_file *=\).*:\1 $slow:" "$settings" ;;
    *) refuse "MYSQL_LOG_DESTINATION is files or streams, not $MYSQL_LOG_DESTINATION" ;;
esac
chmod 0400 "$settings"
# Nor does it read any other section, and it takes an empty file for settings.
sections=$(sed -n 's/^[[:space:]]*\(\[.*\]\)[[:space:]]*$/\1/p' "$settings")
[ "$sections" = "[mysqld]" ] ||
    refuse "stores/mysql.cnf must have one section, [mysqld]; it has: ${sections:-none}"
# MY-0000nn are the words of what reads options: unknown, or adjusted to a value that nobody has set.
said=$(mysqld --defaults-file="$settings" --validate-config --log-error=stderr \
    --log-error-verbosity=2 2>&1) || refuse "stores/mysql.cnf: $said"
[[ $said != *"[MY-0000"* ]] || refuse "stores/mysql.cnf: $said"

password=$(cat /run/secrets/root_password) || refuse "root's secret cannot be read"
[ -n "$password" ] || refuse "root's secret is empty"

# Sockets, their locks and process ids: a lock that a power cut has emptied would stop every start.
rm -rf -- /var/run/mysqld/*

contents=("$data"/!(lost+found))
if [ -e "$unfinished" ] || [ "${#contents[@]}" = 0 ]; then
    tables=("$data"/arloji/*.ibd)
    [ "${#tables[@]}" = 0 ] || refuse "$unfinished is there, but so are tables: look before you remove it"
    echo "making the data folder"
    : > "$unfinished"
    sync
    rm -rf -- "$data"/!(lost+found|.first-start)
    mysqld --defaults-file="$settings" --initialize-insecure --log-error=/tmp/first-start.log || {
        cat /tmp/first-start.log >&2
        refuse "the data folder could not be made; the next start begins anew"
    }
    sync
    rm -- "$unfinished"
fi
[ -e "$data/mysql.ibd" ] || refuse "the volume mysql-data holds something else than a whole data folder"

# Before the first connection, and not in the binary log: root's password is the one in the secret.
umask 077
cat > "$administrator" <<SQL
SET SESSION sql_log_bin = 0;
CREATE DATABASE IF NOT EXISTS arloji;
ALTER USER root@localhost IDENTIFIED BY '$password';
SQL
[ -z "$host" ] || cat >> "$administrator" <<SQL
CREATE USER IF NOT EXISTS administrator@'$host';
ALTER USER administrator@'$host' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON *.* TO administrator@'$host' WITH GRANT OPTION;
SQL
if [ "${MYSQL_LOG_DESTINATION:-files}" = streams ]; then
    # The server takes nothing but a plain file for slow queries. This one is in memory, and emptied
    # before it is a burden; both loops end with the container.
    : > "$slow"
    tail --lines=0 --follow=name "$slow" 2> /dev/null &
    while sleep 30; do
        [ "$(stat --format=%s "$slow")" -lt 4194304 ] || : > "$slow"
    done &
else
    # Rotation renames them and tells nobody (housekeeping/rotate_logs). USR1 is FLUSH ERROR LOGS, SLOW
    # LOGS without an account: by SQL it would take RELOAD, which may also lock all tables. As long as
    # the server runs, which will be this process.
    logs=/var/log/arloji
    while sleep 5 && kill -0 $$; do
        [ -e "$logs/error.log" ] && [ -e "$logs/slow.log" ] || kill -USR1 $$
    done 2> /dev/null &
fi
exec mysqld --defaults-file="$settings" --init-file="$administrator"
