#!/bin/bash
# A failover tried for real, on this machine: etcd, three PostgreSQL servers kept by Patroni with synchronous replication, two vtrustx nodes, a load.
# The primary (PostgreSQL and its Patroni) is killed with SIGKILL under the load, twice. At the end the books: every event that was acknowledged is
# there, once, with its execution, and every execution has ended.
#
#   apt-get install --no-install-recommends postgresql patroni etcd-server etcd-client python3-etcd python3-psycopg2 curl
#   deploy/try-failover.sh target/release/vtrustx
#
# Everything is in a folder of its own, listens on 127.0.0.1, and is gone at the end. SECONDS_OF_LOAD (20) is the time before, between and
# after the kills. To be run as root on Debian: PostgreSQL itself runs as the user postgres.
set -euo pipefail

vtrustx=$(realpath "${1:?the vtrustx binary}")
pause=${SECONDS_OF_LOAD:-20}
folder=$(mktemp --directory /tmp/try-failover.XXXXXX)
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
etcd_port=23790
key=try-failover-administrator
declare -A process=()

log() { printf '%s %s\n' "$(date +%T)" "$*"; }

# Ends what this script has started, and nothing else.
finish() {
    for name in load node-1 node-2 patroni-1 patroni-2 patroni-3 etcd; do
        [ -n "${process[$name]:-}" ] && kill -CONT "${process[$name]}" 2>/dev/null && kill "${process[$name]}" 2>/dev/null || true
    done
    sleep 3
    for member in 1 2 3; do
        local pid; pid=$(head -1 "$folder/data-$member/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null || true
    done
    sleep 1
    if [ "${KEEP:-}" ]; then log "kept: $folder"; else rm -rf "$folder"; fi
}
trap finish EXIT

# start NAME COMMAND…: in the background, with a log of its own.
start() {
    local name=$1; shift
    "$@" >> "$folder/$name.log" 2>&1 &
    process[$name]=$!
}

# until_true SECONDS WHAT COMMAND…
until_true() {
    local limit=$((SECONDS + $1)) what=$2; shift 2
    until "$@" > /dev/null 2>&1; do
        [ $SECONDS -lt $limit ] || { log "FAILED: $what"; exit 1; }
        sleep 0.2
    done
}

member_config() {
    cat << YAML
scope: try-failover
name: member-$1
etcd3: {hosts: "127.0.0.1:$etcd_port"}
restapi: {listen: "127.0.0.1:2378$1", connect_address: "127.0.0.1:2378$1"}
bootstrap:
  dcs:
    # The primary's key in etcd lapses after this time: so long a failover takes at least. 20 is the least that Patroni takes.
    ttl: 20
    loop_wait: 4
    retry_timeout: 5
    # A commit is acknowledged when a second server has it on its disk. Strict: without a second server nothing is acknowledged at all.
    synchronous_mode: true
    synchronous_mode_strict: true
    postgresql:
      use_pg_rewind: true
      parameters: {max_connections: 100, shared_buffers: 64MB, wal_log_hints: "on"}
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
postgresql:
  listen: "127.0.0.1:2377$1"
  connect_address: "127.0.0.1:2377$1"
  bin_dir: $bin
  data_dir: $folder/data-$1
  pgpass: $folder/pgpass-$1
  pg_hba: ["host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"]
  authentication:
    superuser: {username: postgres, password: try}
    replication: {username: replicator, password: try}
    rewind: {username: rewinder, password: try}
  parameters: {unix_socket_directories: $folder}
YAML
}

start_member() {
    start "patroni-$1" setpriv --reuid=postgres --regid=postgres --init-groups patroni "$folder/member-$1.yaml"
}

is_primary() { curl --silent --fail "http://127.0.0.1:2378$1/primary"; }
is_synchronous() { curl --silent --fail "http://127.0.0.1:2378$1/synchronous"; }
primary() { for member in 1 2 3; do is_primary $member > /dev/null && echo $member && return; done; return 1; }
has_synchronous() { for member in 1 2 3; do is_synchronous $member > /dev/null && return; done; return 1; }
sql() { PGPASSWORD=try "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --host 127.0.0.1 --port "2377$(primary)" --username postgres --dbname "$1" --command "$2"; }

# The whole of what high availability needs of a client: every server's address, and the wish for the one that takes writes.
address="postgres://vtrustx:try@127.0.0.1:23771,127.0.0.1:23772,127.0.0.1:23773/vtrustx?target_session_attrs=read-write"
start_node() {
    VTRUSTX_DATABASE=$address VTRUSTX_SECRET_KEY="a phrase for try-failover alone" VTRUSTX_BOOTSTRAP_API_KEY=$key \
        start "node-$1" "$vtrustx" serve --listen "127.0.0.1:2379$1" --data-dir "$folder/node-$1"
}

# Four clients post events in batches, note what was acknowledged, and send again, under the same ids, what was not.
load() {
    python3 - "$folder" $key << 'PYTHON'
import json, os, sys, threading, time, urllib.request
folder, key = sys.argv[1:]
stop, lock, slowest = os.path.join(folder, "stop"), threading.Lock(), 0.0
sent = open(os.path.join(folder, "sent"), "w"); acknowledged = open(os.path.join(folder, "acknowledged"), "w")
def client(number):
    global slowest
    batch = 0
    while not os.path.exists(stop):
        batch += 1
        ids = [f"{number}-{batch}-{event}" for event in range(20)]
        body = json.dumps([{"event": "load", "id": id, "data": {"id": id}} for id in ids]).encode()
        with lock:
            sent.write("\n".join(ids) + "\n"); sent.flush()
        begun, node = time.time(), number % 2 + 1
        while True:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            request = urllib.request.Request(f"http://127.0.0.1:2379{node}/api/events", body, headers)
            try:
                with urllib.request.urlopen(request, timeout=20) as response:
                    answers = json.load(response)["data"]
                good = [answer["eventId"] for answer in answers if "eventId" in answer]
                with lock:
                    acknowledged.write("".join(id + "\n" for id in good)); acknowledged.flush()
                    slowest = max(slowest, time.time() - begun)
                if len(good) == len(ids):
                    break
            except Exception:
                pass
            node = 3 - node
            time.sleep(0.2)
            if os.path.exists(stop) and time.time() - begun > 60:
                break
threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
print(f"the slowest batch took {slowest:.1f} s")
PYTHON
}

kill_primary() {
    local member; member=$(primary)
    local postgres; postgres=$(head -1 "$folder/data-$member/postmaster.pid")
    log "kill -9: member $member, the primary; acknowledged so far: $(wc -l < "$folder/acknowledged")"
    # Patroni first, or it would start PostgreSQL anew; and every process of PostgreSQL, so that none ends in good order. Some are gone by themselves
    # before their turn.
    kill -KILL "${process[patroni-$member]}" "$postgres" $(pgrep --parent "$postgres") 2> /dev/null || true
    wait "${process[patroni-$member]}" 2> /dev/null || true
    local begun=$SECONDS
    until_true 90 "no other primary" other_primary "$member"
    log "member $(primary) is the primary, after $((SECONDS - begun)) s"
    local count; count=$(wc -l < "$folder/acknowledged")
    until_true 90 "nothing is acknowledged any more" more_than "$count"
    log "events are acknowledged again, after $((SECONDS - begun)) s"
    start_member "$member"
    killed=$member
}
other_primary() { local now; now=$(primary) && [ "$now" != "$1" ]; }
more_than() { [ "$(wc -l < "$folder/acknowledged")" -gt "$1" ]; }
in_good_order() { curl --silent --fail "http://127.0.0.1:2378$killed/replica?lag=1MB" && has_synchronous; }

chown postgres "$folder"; chmod 755 "$folder"
start etcd etcd --data-dir "$folder/etcd" --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:23799" --initial-advertise-peer-urls "http://127.0.0.1:23799" --initial-cluster "default=http://127.0.0.1:23799"
for member in 1 2 3; do member_config $member > "$folder/member-$member.yaml"; done
start_member 1
until_true 60 "no first primary" is_primary 1
start_member 2; start_member 3
until_true 120 "no synchronous standby" has_synchronous
sql postgres "CREATE ROLE vtrustx LOGIN PASSWORD 'try'"
sql postgres "CREATE DATABASE vtrustx OWNER vtrustx"
log "PostgreSQL: primary $(primary), synchronous_standby_names = $(sql postgres 'SHOW synchronous_standby_names')"
start_node 1; until_true 60 "node 1 is not ready" curl --silent --fail http://127.0.0.1:23791/readyz
start_node 2; until_true 60 "node 2 is not ready" curl --silent --fail http://127.0.0.1:23792/readyz
curl --silent --fail --output /dev/null --header "Authorization: Bearer $key" --json '{"name": "Load", "trigger_event": "load", "is_active": true, "actions": [
    {"type": "create_ticket", "config": {"title": "{{id}}"}, "critical": true}, {"type": "delay", "config": {"duration": "2s"}},
    {"type": "send_email", "config": {"to": "care@example.com", "subject": "{{id}}", "body": "x"}}]}' http://127.0.0.1:23791/api/workflows
sleep 2
start load load
sleep "$pause"
kill_primary
until_true 120 "the killed member is no replica again" in_good_order
log "member $killed is a replica again"
sleep "$pause"
kill_primary
sleep "$pause"
touch "$folder/stop"
wait "${process[load]}" || true
tail -1 "$folder/load.log"

live="SELECT count(*) FROM workflow_executions WHERE status IN ('pending', 'running', 'waiting', 'retrying')"
none_live() { [ "$(sql vtrustx "$live")" = 0 ]; }
for _ in $(seq 240); do none_live && break; sleep 0.5; done
if ! none_live; then
    log "executions do not end:"
    sql vtrustx "SELECT status, owner, count(*), min(id), max(id), min(updated_at), max(updated_at) FROM workflow_executions GROUP BY 1, 2"
    sql vtrustx "SELECT id, name, lease_until - clock_timestamp() FROM nodes"
    VTRUSTX_SECRET_KEY="a phrase for try-failover alone" "$vtrustx" doctor --database "$address" || true
fi
sql vtrustx "SELECT external_id FROM events WHERE name = 'load'" | sort > "$folder/there"
sql vtrustx "SELECT title FROM tickets" | sort > "$folder/tickets"
sort --unique "$folder/acknowledged" > "$folder/known"
row() { printf '  %-44s %s\n' "$1" "$2"; }
lost=$(comm -23 "$folder/known" "$folder/there" | wc -l)
twice=$(uniq --repeated "$folder/there" | wc -l)
tickets_twice=$(uniq --repeated "$folder/tickets" | wc -l)
without=$(comm -23 "$folder/there" "$folder/tickets" | wc -l)
unfinished=$(sql vtrustx "SELECT count(*) FROM workflow_executions WHERE status <> 'completed'")
row "events sent" "$(sort --unique "$folder/sent" | wc -l)"
row "events acknowledged" "$(wc -l < "$folder/known")"
row "events there" "$(wc -l < "$folder/there")"
row "acknowledged events lost" "$lost"
row "events there more than once" "$twice"
row "executions, of them completed" "$(sql vtrustx 'SELECT count(*) FROM workflow_executions'), $(sql vtrustx "SELECT count(*) FROM workflow_executions WHERE status = 'completed'")"
row "steps done twice (two tickets of one event)" "$tickets_twice"
row "steps not done (an event without its ticket)" "$without"
[ "$lost$twice$tickets_twice$without$unfinished" = 00000 ] && log "passed" || { log "FAILED"; exit 1; }
