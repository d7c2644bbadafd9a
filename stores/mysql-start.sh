#!/bin/bash
# Every start of the container `mysql` (compose.yaml), in place of the image's own way: what is set is
# what runs, what another process left behind is no obstacle, and a first start that was interrupted
# begins anew.
set -euo pipefail
shopt -s dotglob extglob nullglob
given=/etc/arloji/mysql.cnf settings=/tmp/mysql.cnf administrator=/tmp/administrator.sql
data=/var/lib/mysql unfinished=/var/lib/mysql/.first-start

refuse() {
    echo "mysql does not start: $*" >&2
    exit 1
}

# A copy, since the server passes over a file that others may write (umask 000, WSL) and goes on with
# other settings.
cat "$given" > "$settings" || refuse "stores/mysql.cnf cannot be read"
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
exec mysqld --defaults-file="$settings" --init-file="$administrator"
