# SPDX-License-Identifier: ISC
# Installs packages in an overlay of the root file system, tries their users, removes and purges them: overlay.sh DIRECTORY PACKAGES TEST
set -eu
top=$1
mount -t tmpfs tmpfs "$top" || exit 77
mkdir "$top/upper" "$top/work" "$top/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work" "$top/root" || exit 77
root=$top/root
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
# what an installation from source has left or put here
rm -rf "$root/etc/hookspool" "$root/var/lib/hookspool"
for place in etc usr/local/lib; do rm -f "$root/$place/sysusers.d/hookspool.conf" "$root/$place/tmpfiles.d/hookspool.conf"; done
mkdir "$root/tmp/debs"
cp "$2"/hookspool*.deb "$3" "$root/tmp/debs"

inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
inside sh -c 'dpkg -i /tmp/debs/*.deb'
inside hookspool --version
inside /tmp/debs/users
inside sh -c '[ "$(stat -c "%a %U %G" /var/lib/hookspool)" = "2770 _hookspool _hookspool-spool" ]'
[ "$(ls -A "$root/etc/hookspool")" = sinks ]
echo '# nothing' >"$root/etc/hookspool/hookspool.conf"
echo data >"$root/var/lib/hookspool/hookspool.db"
names=$(cd "$root/tmp/debs" && ls -- *.deb | sed 's/_.*//')
# shellcheck disable=SC2086
inside dpkg -r $names
[ -e "$root/etc/hookspool/hookspool.conf" ]
[ ! -e "$root/usr/bin/hookspool" ]
# shellcheck disable=SC2086
inside dpkg -P $names | tee "$top/purged"
grep -q 'kept /var/lib/hookspool,' "$top/purged"
[ ! -e "$root/etc/hookspool" ]
[ -e "$root/var/lib/hookspool/hookspool.db" ]
left=$(inside find /usr /lib /etc /var/lib/systemd -xdev -name '*hookspool*' ! -path '/usr/share/doc/*' ! -path '/usr/local/*')
[ -z "$left" ] || { echo "left: $left"; exit 1; }
