#!/bin/sh
# Starts and stops hookspool.fcgi with spawn-fcgi on machines without systemd: start, stop, restart, reload, status.
# Exit status as of an LSB init script: 0 done, or running; 1 failed; 2 usage; 3 not running.
set -u

program=/usr/local/libexec/hookspool.fcgi
command=/usr/local/bin/hookspool
conf=/etc/hookspool/hookspool.conf
socket=/run/hookspool/hookspool.sock
pidfile=/run/hookspool/hookspool.pid
log=/var/log/hookspool/receiver.log
user=hookspool
group=hookspool
web_group=www-data

# alive PID: a zombie is not alive
alive() {
	[ -e "/proc/$1/status" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

running() {
	[ -s "$pidfile" ] && read -r pid <"$pidfile" && alive "$pid"
}

# gone PID COUNT: waits until the process ends, for COUNT tenths of a second at most
gone() {
	tenths=$2
	while alive "$1"; do
		[ "$tenths" -gt 0 ] || return 1
		tenths=$((tenths - 1))
		sleep 0.1
	done
}

# spawn SOCKET: starts a receiver on it, and sets new to its process id
spawn() {
	mkdir -p "$(dirname "$1")" "$(dirname "$log")" || return 1
	# log lines name people
	(umask 027 && : >>"$log") && chmod 640 "$log" || return 1
	rm -f "$1"
	address=$1
	set -- -u "$user" -g "$group" -U "$user" -G "$web_group"
	[ "$(id -u)" = 0 ] || set --
	# -n: without it spawn-fcgi sends the log to /dev/null
	setsid spawn-fcgi -n -s "$address" -M 0660 -b 4096 "$@" -- "$program" -c "$conf" </dev/null >>"$log" 2>&1 &
	new=$!
	if gone "$new" 5; then
		rm -f "$address"
		echo "hookspool.fcgi ended at once:" >&2
		# without the deliveries that the old receiver logs
		grep -v outcome "$log" | tail -n 3 >&2
		return 1
	fi
}

start() {
	running && return 0
	spawn "$socket" && echo "$new" >"$pidfile"
}

stop() {
	if running; then
		kill "$pid"
		gone "$pid" 50 || return 1
	fi
	rm -f "$pidfile" "$socket"
}

# The new receiver takes over the socket's name, so that a receiver always listens. The old one has half a second for the
# connections that it already has. A connection that an overloaded receiver has not accepted by then is reset: the web server
# answers 502, and the provider tries again. Where the new receiver doesn't start, the old one goes on.
restart() {
	running || { start; return; }
	old=$pid
	spawn "$socket.new" || return 1
	mv -f "$socket.new" "$socket" && echo "$new" >"$pidfile" || return 1
	sleep 0.5
	kill "$old"
	gone "$old" 50
}

case ${1-} in
start) start ;;
stop) stop ;;
restart) restart ;;
# sends SIGHUP, and fails where the new configuration is refused
reload) running && "$command" -c "$conf" reload --pid "$pid" || exit 1 ;;
status) running || exit 3 ;;
*)
	echo "usage: $0 start|stop|restart|reload|status" >&2
	exit 2
	;;
esac
