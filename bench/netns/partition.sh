#!/usr/bin/env bash
# Runs a group on a real network that is then broken: a registry, three servers
# and a client, each in a network namespace of its own, joined by a bridge. While
# dsmbench loads the group and checks what it does, one member loses its network,
# then the registry, then one member for good (kill -9). Packets are lost as on a
# dead switch port: no connection is closed, nobody is told.
#
# It passes when dsmbench does and its report counts no error: the order held, and no
# client saw anything of all that. Flags are passed on to dsmbench. Needs root and
# iproute2 (Debian: iproute2). All that it makes ends with it.
#
#   sudo bench/netns/partition.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

((EUID == 0)) || { echo "network namespaces need root" >&2; exit 2; }
command -v ip >/dev/null || { echo "ip is missing: install iproute2" >&2; exit 2; }

tag="dsm$$"
net=10.77.0
dir=$(mktemp -d)
declare -A pid

space() { printf '%s-%s' "$tag" "$1"; }

end() {
	local p
	for p in "${pid[@]}"; do kill -9 "$p" 2>/dev/null || true; done
	wait 2>/dev/null || true
	for name in sw r n1 n2 n3 c; do ip netns del "$(space "$name")" 2>/dev/null || true; done
	rm -rf "$dir"
}
trap end EXIT

# host makes a namespace that is joined to the bridge: its port there is p-NAME.
host() {
	local name=$1 address=$net.$2
	ip netns add "$(space "$name")"
	ip -n "$(space sw)" link add "p-$name" type veth peer name eth0 netns "$(space "$name")"
	ip -n "$(space sw)" link set "p-$name" master br0 up
	ip -n "$(space "$name")" addr add "$address/24" dev eth0
	ip -n "$(space "$name")" link set eth0 up
	ip -n "$(space "$name")" link set lo up
}

# on becomes a program on a host, in a subshell whose process it then is.
on() { exec ip netns exec "$(space "$1")" "${@:2}"; }

run() {
	local name=$1
	shift
	(on "$name" "$@") >"$dir/$name.log" 2>&1 &
	pid[$name]=$!
}

# port takes the network from a host, or gives it back.
port() { ip -n "$(space sw)" link set "p-$1" "$2"; echo "$((SECONDS - began)) s: $1 $2"; }

awaits() { # FILE TEXT
	for _ in $(seq 100); do
		grep -q "$2" "$1" 2>/dev/null && return
		sleep 0.1
	done
	echo "waited in vain for: $2" >&2
	cat "$1" >&2
	return 1
}

go build -o "$dir" ./cmd/dsm ./cmd/dsmbench
ip netns add "$(space sw)"
ip -n "$(space sw)" link add br0 type bridge
ip -n "$(space sw)" link set br0 up
host r 10
for i in 1 2 3; do host "n$i" "1$i"; done
host c 20

run r "$dir/dsm" registry --listen "$net.10:6001" --data-dir "$dir/r"
awaits "$dir/r.log" "registry started"
for i in 1 2 3; do
	run "n$i" "$dir/dsm" server --id "n$i" --registry "$net.10:6001" --listen "$net.1$i:7000" --data-dir "$dir/n$i"
	awaits "$dir/n$i.log" "entered view"
done

(on c "$dir/dsmbench" -target "dsm://$net.11:7000,$net.12:7000,$net.13:7000" -duration 40s -clients 24 -o json "$@") >"$dir/report.json" &
pid[bench]=$!
began=$SECONDS
sleep 6; port n3 down
sleep 6; port n3 up
sleep 6; port r down
sleep 6; port r up
sleep 4; port n2 down
sleep 2; port r down
sleep 4; port r up; port n2 up
sleep 3; kill -9 "${pid[n1]}"; echo "$((SECONDS - began)) s: n1 killed"
status=0
wait "${pid[bench]}" || status=$?
unset "pid[bench]"

# field prints the value of a field of the report itself, not of its parts.
field() { sed -n "s/^  \"$1\": \([^,]*\),*\$/\1/p" "$dir/report.json"; }

errors=$(field errors) pass=$(field pass)
echo "dsmbench: status $status, pass: ${pass:-no report}, errors that clients saw: ${errors:-no report}"
if ((status == 0)) && [[ $pass == true && $errors == 0 ]]; then
	echo "PASS: the group held on a broken network, and no client saw an error"
else
	echo "FAIL" >&2
	sed -n '/^  "notes"/,/^  \]/p; /^  "failures"/,/^  \]/p' "$dir/report.json" >&2
	tail -n 20 "$dir"/*.log >&2
	exit 1
fi
