#!/bin/sh
# Starts and stops hookspool.fcgi with spawn-fcgi on machines without systemd: start, stop, restart, reload, status.
# Exit status as of an LSB init script: 0 done, or running; 1 failed; 2 usage; 3 not running.
set -u

program=/usr/local/libexec/hookspool.fcgi
conf=/etc/hookspool/hookspool.conf
socket=/run/hookspool/hookspool.sock
pidfile=/run/hookspool/hookspool.pid
log=/var/log/hookspool/receiver.log
user=hookspool
group=hookspool
web_group=www-data

# A process that has ended but has not been waited for has no exe any more.
running() {
	[ -s "$pidfile" ] && read -r pid <"$pidfile" && [ -e "/proc/$pid/exe" ]
}

# gone COUNT: whether the receiver has ended before COUNT tenths of a second went by
gone() {
	tenths=$1
	while running; do
		[ "$tenths" -gt 0 ] || return 1
		tenths=$((tenths - 1))
		sleep 0.1
	done
}

start() {
	if running; then
		return 0
	fi
	mkdir -p "$(dirname "$socket")" "$(dirname "$log")" || return 1
	rm -f "$socket"
	set -- -u "$user" -g "$group" -U "$user" -G "$web_group"
	[ "$(id -u)" = 0 ] || set --
	# -n: without it spawn-fcgi sends the log to /dev/null
	(umask 027 && exec setsid spawn-fcgi -n -s "$socket" -M 0660 -b 4096 "$@" -- "$program" -c "$conf") \
		</dev/null >>"$log" 2>&1 &
	echo $! >"$pidfile"
	if gone 5; then
		rm -f "$pidfile"
		echo "hookspool.fcgi ended at once:" >&2
		tail -n 3 "$log" >&2
		return 1
	fi
}

stop() {
	if running; then
		kill "$pid"
		gone 50 || return 1
	fi
	rm -f "$pidfile" "$socket"
}

case ${1-} in
start) start ;;
stop) stop ;;
restart) stop && start ;;
reload) running && kill -HUP "$pid" ;;
status) running || exit 3 ;;
*)
	echo "usage: $0 start|stop|restart|reload|status" >&2
	exit 2
	;;
esac
