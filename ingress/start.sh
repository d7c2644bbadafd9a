#!/bin/bash
# nginx with what the environment decides, as a file that it includes: its root is read-only, and
# its configuration reads no variables. A value that cannot be used ends the start with one sentence.
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
exec 3>&-

exec nginx -e /dev/stderr -c /etc/nginx/arloji/nginx.conf -g "daemon off;"
