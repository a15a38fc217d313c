# What the deployer over SSH does on a host; it needs sh, tar, GNU coreutils and util-linux.
#
#   sh agent VERB FOLDER OWNER KEY EPOCH [ARGUMENT...]
#
# FOLDER holds releases/HEX, the link current and, in .bakegate, our records. Each is replaced by
# rename, under a lock that is held only for that and to end a runner. An attempt is a call with an
# EPOCH; the highest that was seen is kept, and a lower one changes nothing any more. What takes
# long is done by a runner, a process of its own: it outlives the connection and the worker, so that
# a killed worker's successor finds it at work and does nothing twice. It may change things as long
# as its KEY is the one of the deployment; an attempt with another key ends it, whatever its hook
# does.
set -eu

verb=$1 folder=$2 owner=$3 key=$4 epoch=$5
shift 5
case $folder in "~/"*) folder=$HOME/${folder#"~/"} ;; esac
home=$folder/.bakegate
most=10000000 # bytes that a hook may print

say() { printf '@%s %s\n' "$1" "$2"; }
packed() { base64 | tr -d '\n'; }
problem() { # EXIT WORDS
    say problem "$(printf '%s' "$2" | packed)"
    exit "$1"
}
lock() {
    exec 9>"$home/lock"
    flock -w 10 9 || problem 74 "its records have been locked for 10 s"
}
unlock() { exec 9>&-; }
put() { # NAME, with the contents on stdin
    cat >"$home/$1.$$"
    sync "$home/$1.$$" 2>/dev/null || :
    mv -f "$home/$1.$$" "$home/$1"
}
field() { # RECORD NAME
    [ ! -f "$home/$1" ] || sed -n "s/^$2 //p" "$home/$1"
}
# Seconds since boot, which no jump of a clock changes.
now() { cut -d. -f1 /proc/uptime; }
boot() { cat /proc/sys/kernel/random/boot_id; }
# With its number this names one process for good; nothing where it is gone or a zombie.
started() { # PID
    [ -r "/proc/$1/stat" ] || return 0
    # shellcheck disable=SC2046  # The fields are meant to split.
    set -- $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null || :)
    case ${1:-Z} in Z | X) ;; *) echo "${20}" ;; esac
}
alive() { # RECORD: whether the process that it names still runs
    pid=$(field "$1" pid) since=$(field "$1" started)
    [ -n "$since" ] && [ "$(started "$pid")" = "$since" ]
}

# Raises the highest epoch that was seen, and ends an attempt that is older than it.
attempt() {
    seen=$(field epoch seen)
    if [ "$epoch" -lt "${seen:-0}" ]; then
        say fenced "$seen"
        exit 75
    fi
    echo "seen $epoch" | put epoch
}
ours() { [ "$(field deployment key)" = "$key" ]; }
finished() { [ -f "$home/results/$key" ]; }
at_work() { case $(field host state) in stopping | starting) ;; *) return 1 ;; esac }
has_runner() { [ "$(field runner key)" = "$key" ] && alive runner; }

begin() { # DIGEST
    for tool in base64 flock readlink setsid sha256sum tar; do
        command -v "$tool" >/dev/null || problem 69 "it has no $tool, which a deployment needs"
    done
    mkdir -p "$home/results" "$folder/releases"
    lock
    known=$(field owner name)
    if [ "${known:-$owner}" != "$owner" ]; then
        problem 69 "its folder $folder belongs to $known; give each target a folder of its own"
    fi
    [ -n "$known" ] || echo "name $owner" | put owner
    attempt
    if ! finished && ! ours; then
        printf '%s\n' "key $key" "boot $(boot)" "up $(now)" "wall $(date +%s)" | put deployment
    fi
    if ours && [ "$(field runner key)" != "$key" ]; then end_runner; fi
    unlock
    report "$1"
}

report() { # DIGEST
    say state "$(field host state)"
    say key "$(field host key)"
    say digest "$(field host digest)"
    say lowest "$(field host lowest)"
    say cause "$(field host cause)"
    say message "$(field host message)"
    say elapsed "$(elapsed)"
    say has "$(if [ -d "$folder/releases/${1#sha256:}" ]; then echo yes; else echo no; fi)"
    say url "$(head -c 2000 "$folder/current/url" 2>/dev/null | head -n 1 | packed)"
    say result "$(cat "$home/results/$key" 2>/dev/null || :)"
    # Last, so that an answer which was cut off is known for one.
    say end .
}
elapsed() {
    if [ "$(field deployment boot)" = "$(boot)" ]; then
        since=$(($(now) - $(field deployment up)))
    else
        since=$(($(date +%s) - $(field deployment wall)))
    fi
    echo $((since > 0 ? since : 0))
}

# Takes the artifact from stdin; only what is whole and unpacked gets the name of its digest.
bring() { # DIGEST
    hex=${1#sha256:}
    rm -rf "$home"/incoming-* "$home"/unpacked-*
    packed="$home/incoming-$epoch" unpacked="$home/unpacked-$epoch"
    cat >"$packed" || problem 65 "the artifact could not be written to it"
    found=$(sha256sum <"$packed" | cut -c1-64)
    if [ "$found" != "$hex" ]; then
        problem 65 "the artifact arrived there as sha256:$found, not as $1"
    fi
    mkdir "$unpacked"
    said=$(tar -xzof "$packed" -C "$unpacked" 2>&1) ||
        problem 65 "the artifact $1 does not unpack: $(printf '%s' "$said" | tail -c 1000 | sed '/^$/d')"
    rm -f "$packed"
    lock
    attempt
    [ -d "$folder/releases/$hex" ] || mv -T "$unpacked" "$folder/releases/$hex"
    unlock
    rm -rf "$unpacked"
    report "$1"
}

note() { # STATE [CAUSE MESSAGE]: what this host is from now on
    printf '%s\n' "key $key" "digest $digest" "state $1" "lowest $lowest" \
        "cause ${2:-}" "message $(printf '%s' "${3:-}" | packed)" | put host
}

# Starts the runner unless it is at work or has ended. The variables of the hooks are on stdin.
launch() { # DIGEST LOWEST SECONDS DRAIN STOP START VALIDATE [BACK]
    digest=$1 lowest=$2
    eval "$(cat)"
    lock
    attempt
    ours || problem 74 "another deployment began there"
    if [ "$(field host key)" != "$key" ]; then note stopping; fi
    if at_work && ! has_runner; then
        end_runner
        setsid sh "$0" run "$folder" "$owner" "$key" "$epoch" "$@" \
            </dev/null >"$home/runner.log" 2>&1 9>&- &
    fi
    unlock
    report "$digest"
}

run() { # DIGEST LOWEST SECONDS DRAIN STOP START VALIDATE [BACK]
    digest=$1 lowest=$2 until=$(($(now) + $3)) drain=$4 stop=$5 start=$6 validate=$7 back=${8:-}
    release=$folder/releases/${digest#sha256:}
    export BAKEGATE_ARTIFACT="$release"
    lock
    ours || exit 75
    # Two may have been started: the second finds the first, or what that one has made of the host.
    if has_runner || ! at_work; then exit 0; fi
    printf '%s\n' "pid $$" "started $(started $$)" "key $key" | put runner
    state=$(field host state)
    unlock
    if [ "$state" = stopping ]; then
        # For a load balancer that asks the host whether it may send requests.
        : >"$folder/out-of-service"
        sleep "$drain"
        if [ -n "$stop" ] && [ -d "$folder/current" ]; then
            hook stop "$stop" "$folder/current" "$back"
        fi
        lock
        ours || exit 75
        ln -sfn "releases/${digest#sha256:}" "$folder/current.$$"
        mv -Tf "$folder/current.$$" "$folder/current"
        touch "$release"
        note starting
        unlock
    fi
    if [ -n "$start" ]; then hook start "$start" "$release"; fi
    if [ -n "$validate" ]; then hook validate "$validate" "$release"; fi
    lock
    ours || exit 75
    rm -f "$folder/out-of-service"
    note in_service
    unlock
}

# Runs one command in a session of its own. What it leaves in the background stays; its output goes
# to a file, so that nobody waits for it. With SECONDS it takes no longer, and nothing depends on how
# it ends: on the way back the bad version's own hook is in nobody's way.
hook() { # NAME COMMAND FOLDER [SECONDS]
    log=$home/$1.log last=$until
    if [ -n "${4:-}" ]; then last=$(($(now) + $4)); fi
    (
        # Before it begins: what no record names, nobody could end.
        me=$(exec sh -c 'echo $PPID')
        printf '%s\n' "pid $me" "started $(started "$me")" | put hook
        cd "$3" && exec setsid sh -e -c "$2"
    ) >"$log" 2>&1 </dev/null &
    child=$!
    ending=""
    while [ -n "$(started $child)" ]; do
        if [ "$(now)" -ge "$last" ]; then ending="ran out of time"; fi
        if [ "$(wc -c <"$log")" -gt $most ]; then ending="printed more than $most bytes"; fi
        if [ -n "$ending" ]; then end_of hook; fi
        sleep 0.1
    done
    wait $child && code=0 || code=$?
    if [ -n "${4:-}" ]; then return 0; fi
    if [ "$code" != 0 ] || [ -n "$ending" ]; then
        cause=failure
        if [ "$ending" = "ran out of time" ]; then cause=deadline; fi
        tail=$(tail -c 4000 "$log" | tr -d '\0')
        lock
        ours || exit 75
        note failed $cause "hook $1 ${ending:-ended with $code}${tail:+: $tail}"
        exit 0
    fi
}

# Ends the process that a record names, with its group: TERM, and KILL to what is left of it.
end_of() { # RECORD
    alive "$1" || return 0
    kill -s TERM -- "-$pid" 2>/dev/null || :
    left=20
    while alive "$1" && [ $left -gt 0 ]; do
        sleep 0.1
        left=$((left - 1))
    done
    kill -s KILL -- "-$pid" 2>/dev/null || :
}

end_runner() {
    # The runner first: it must not go on to its next step when the hook ends.
    if alive runner; then kill -s KILL -- "-$pid" 2>/dev/null || :; fi
    end_of hook
}

# Ends what the deployment does here and leaves the host as it is.
abort() { # CAUSE WORDS DIGEST
    lock
    attempt
    if ours && [ "$(field host key)" = "$key" ]; then
        end_runner
        if at_work; then
            digest=$(field host digest) lowest=$(field host lowest)
            note failed "$1" "$2"
        fi
    fi
    unlock
    report "$3"
}

# Keeps what was answered in the end, and the releases that can be deployed again.
finish() { # RESULT RETAINED
    lock
    attempt
    printf '%s' "$1" | put "results/$key"
    current=$(readlink "$folder/current" || :)
    kept=0
    for each in $(ls -1t "$folder/releases"); do
        if [ "releases/$each" = "$current" ]; then continue; fi
        kept=$((kept + 1))
        if [ "$2" != all ] && [ $kept -gt "$2" ]; then
            mv -T "$folder/releases/$each" "$home/gone-$each.$$"
        fi
    done
    unlock
    rm -rf "$home"/gone-*
    for each in "$home"/agent-*; do [ "$each" = "$0" ] || rm -f "$each"; done
    # shellcheck disable=SC2012  # The names are ours: hex digits.
    ls -1t "$home/results" | tail -n +201 | while read -r each; do rm -f "$home/results/$each"; done
    say end .
}

case $verb in
begin | bring | launch | run | abort | finish) "$verb" "$@" ;;
*) problem 64 "the verb $verb is not known" ;;
esac
exit 0
