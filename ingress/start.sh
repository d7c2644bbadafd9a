#!/bin/bash
# nginx with what the environment decides, as files that it includes: its root is read-only, and its
# configuration reads no variables. A value that cannot be used ends the start with one sentence.
#
# ARLOJI_TRUSTED_PROXIES  networks whose X-Forwarded-For is believed (none)
# INGRESS_RATE_LIMIT      on (the default) or off
# COOKIE_SECURE           true behind TLS: nginx's own answers say HSTS, as the frontend's do
# FRONTEND_HOST           name and port of the frontend (frontend:8080); nginx knows no search
#                         domains, so that in Kubernetes it is <service>.<namespace>.svc:<port>,
#                         to which the domain of the cluster is added
# PROXY_CONNECT_TIMEOUT   for a connection to it (300ms)
# NGINX_LOG_DESTINATION   files (the default): in /var/log/arloji, beside stdout and stderr; or stdout
set -eu

refuse() {
    echo "ingress: $1" >&2
    exit 1
}

octet='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
ipv4="^$octet(\.$octet){3}(/(3[0-2]|[12]?[0-9]))?$"
ipv6='^[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?$'
exec 3> /tmp/environment.conf
IFS=$', \t\n'
set -f
for network in ${ARLOJI_TRUSTED_PROXIES:-}; do
    [[ $network =~ $ipv4 || $network =~ $ipv6 ]] ||
        refuse "ARLOJI_TRUSTED_PROXIES: '$network' is no network, such as 172.16.0.0/12 or fd00::/8"
    echo "set_real_ip_from $network;" >&3
done

limit=${INGRESS_RATE_LIMIT:-on}
case ${limit,,} in
    on | off) echo "include /etc/nginx/arloji/rate-limit/${limit,,}.conf;" >&3 ;;
    *) refuse "INGRESS_RATE_LIMIT is on or off, not '$limit'" ;;
esac

# As the frontend reads it; what it refuses, it refuses.
secure=${COOKIE_SECURE:-false}
case ${secure,,} in
    true | 1 | yes | on | t | y) hsts="max-age=31536000; includeSubDomains" ;;
    *) hsts="" ;;
esac
echo "map '' \$hsts { default '$hsts'; }" >&3

timeout=${PROXY_CONNECT_TIMEOUT:-300ms}
[[ $timeout =~ ^[0-9]+(ms|s)$ ]] || refuse "PROXY_CONNECT_TIMEOUT is like 300ms or 1s, not '$timeout'"
echo "proxy_connect_timeout $timeout;" >&3

host=${FRONTEND_HOST:-frontend:8080}
[[ $host =~ ^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?:[0-9]+$ ]] ||
    refuse "FRONTEND_HOST is a name and a port, such as frontend:8080, not '$host'"

# Compose and Kubernetes say who knows the names where every program looks for it.
servers="" family=" ipv6=off" domain=""
while read -r keyword value others; do
    case $keyword:$value in
        nameserver:*%*) ;; # with a zone, which nginx cannot ask for
        nameserver:*:*) servers+=" [$value]" family="" ;;
        nameserver:?*) servers+=" $value" ;;
        search:*)
            for name in $value $others; do
                if [[ $name == svc.* ]]; then domain=${name#svc.}; fi
            done
            ;;
    esac
done < /etc/resolv.conf
[ -n "$servers" ] || refuse "/etc/resolv.conf names no name server that nginx could ask for '$host'"
# Each change of a name is seen within 2 s.
echo "resolver$servers valid=2s$family;" >&3
exec 3>&-

if [[ $host == *.svc:* ]]; then
    [ -n "$domain" ] || refuse "FRONTEND_HOST: /etc/resolv.conf has no domain of a cluster for '$host'"
    host=${host%:*}.${domain%.}:${host##*:}
fi
# One that stops refuses connections before its name is gone: left out until then. (A name with one
# address, as that of a Service in Kubernetes, is never left out.)
echo "server $host resolve max_fails=2 fail_timeout=10s;" > /tmp/frontend.conf

case ${NGINX_LOG_DESTINATION:-files} in
    files) folder=/var/log/arloji ;;
    stdout) folder="" ;;
    *) refuse "NGINX_LOG_DESTINATION is files or stdout, not '$NGINX_LOG_DESTINATION'" ;;
esac
echo "${folder:+access_log $folder/access.log json buffer=8k flush=1s;}" > /tmp/access-log.conf
for level in warn crit; do
    echo "${folder:+error_log $folder/error.log $level;}" > "/tmp/error-log-$level.conf"
done

# Rotation renames them and tells nobody (housekeeping/rotate_logs); what is under way ends in the old
# file. As long as nginx runs, which will be this process.
[ -z "$folder" ] || while sleep 5 && kill -0 $$; do
    [ -e "$folder/access.log" ] && [ -e "$folder/error.log" ] || kill -USR1 $$
done 2> /dev/null &

exec nginx -e /dev/stderr -c /etc/nginx/arloji/nginx.conf -g "daemon off;"
