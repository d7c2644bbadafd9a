#!/usr/bin/env bash
# gather-programs.sh <folder> <program>…: copy programs with every library they are linked to, and
# the loader, so that they run where there are other libraries or none.
set -euo pipefail
to=$1
shift
mkdir -p "$to/bin" "$to/lib" "$to/programs"
for program in "$@"; do
    found=$(readlink -f "$(command -v "$program")")
    cp "$found" "$to/programs/$program"
    loader=
    # Lines like "libm.so.6 => /lib/libm.so.6 (0x7f…)"; the loader's has no arrow.
    while read -r name arrow file _; do
        case "$name $arrow" in
            *" =>") [ -e "$file" ] && cp -Ln "$file" "$to/lib/$name" ;;
            /*) loader=${name##*/} && cp -Ln "$name" "$to/lib/$loader" ;;
        esac
    done < <(ldd "$found")
    [ -n "$loader" ] || { echo "$program: no loader found" >&2; exit 1; }
    # shellcheck disable=SC2016 # "$@" is the wrapper's own
    printf '#!/bin/sh\nexec %s/lib/%s --library-path %s/lib %s/programs/%s "$@"\n' \
        "$to" "$loader" "$to" "$to" "$program" > "$to/bin/$program"
    chmod 755 "$to/bin/$program"
    "$to/bin/$program" --version
done
