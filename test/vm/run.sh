#!/bin/sh
# Runs the tests of process trees and limits, or the command that is given, on a host with nothing but cgroup v2: a
# virtual machine with a Debian kernel, whose root is this host's, read-only under a layer in memory.
#
#   test/vm/run.sh [--systemd] [COMMAND [ARG...]]      exits as the command does; 125: the machine gave no result
#
# --systemd: systemd is process 1 and runs the command as a service; else nothing runs but the command.
# /dev/vda is a disk of 256 MiB that may be overwritten, for limits of disks.
#
# Needs the Debian packages qemu-system-x86, qemu-system-common (virtiofsd), linux-image-cloud-amd64 and
# busybox-static. It emulates the processor where there is no KVM, which works everywhere and is slow: tests wait
# SLIPWAY_TEST_PATIENCE (4) times as long there. VM_ACCEL (`kvm` or `tcg,thread=multi`), VM_MEMORY (MiB, 2048) and
# VM_TIMEOUT (seconds, 1800) can be set, too; so can VM_ENV (words NAME=VALUE), which the command gets.
set -eu
cd "$(dirname "$0")/../.."
init=command
[ "${1:-}" != --systemd ] || { init=systemd; shift; }
[ $# -gt 0 ] || set -- node --import tsx --test --test-concurrency=1 \
  test/contract/process-limits.test.ts test/contract/processes.test.ts test/integration/processes.test.ts
memory=${VM_MEMORY:-2048}

fail() { echo "test/vm/run.sh: $*" >&2; exit 125; }
kernel=$(find /boot -name 'vmlinuz-*-cloud-amd64' | sort -V | tail -n 1)
[ -n "$kernel" ] || fail 'no kernel: install linux-image-cloud-amd64'
modules=/lib/modules/${kernel#/boot/vmlinuz-}/kernel
for virtiofsd in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd ''; do [ ! -x "$virtiofsd" ] || break; done
[ -n "$virtiofsd" ] || fail 'no virtiofsd: install qemu-system-common, or virtiofsd'
patience=4
accel=${VM_ACCEL:-tcg,thread=multi}
[ "$accel" != kvm ] || patience=1

work=$(mktemp -d)
daemon=
trap 'kill $daemon 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The command, quoted once more so that it survives on its way.
{
  echo 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root SLIPWAY_TEST_BACKEND=cgroup-v2'
  echo "export SLIPWAY_TEST_DISK=/dev/vda SLIPWAY_TEST_PATIENCE=$patience ${VM_ENV:-}"
  printf "cd '%s'\n" "$PWD"
  for word in "$@"; do printf "'%s' " "$(printf %s "$word" | sed "s/'/'\\\\''/g")"; done
} >"$work/command"

# What the machine's first process does, once the root is there.
cat >"$work/command.start" <<'START'
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
exec /bin/sh /run/vm/finish
START
cat >"$work/systemd.start" <<'START'
units=/run/systemd/system
mkdir -p $units
: >/etc/fstab
rm -rf /etc/systemd/system/*.wants
cat >$units/vm.service <<'UNIT'
[Unit]
After=basic.target
[Service]
Type=exec
ExecStart=/bin/sh /run/vm/finish
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
UNIT
cat >$units/vm.target <<'UNIT'
[Unit]
Requires=basic.target vm.service
UNIT
# There is no hardware to find, no clock or network to set up, and nothing to clean.
for unit in udevd udev-trigger udevd-control.socket udevd-kernel.socket timesyncd networkd resolved sysctl modules-load \
  tmpfiles-setup tmpfiles-setup-dev tmpfiles-clean.timer update-utmp binfmt sysusers remount-fs pcrphase pcrphase-sysinit; do
  case $unit in *.*) ;; *) unit=$unit.service ;; esac
  ln -sf /dev/null "$units/systemd-$unit"
done
ln -sf /dev/null $units/kmod-static-nodes.service
ln -sf /dev/null $units/tmp.mount
exec /lib/systemd/systemd --unit=vm.target --show-status=false
START
cat >"$work/finish" <<'FINISH'
/bin/sh /run/vm/command </dev/null
echo "command exited with $?"
exec busybox poweroff -f
FINISH

# An initramfs that mounts the host's root, lays memory over it and goes there.
image=$work/image
mkdir -p "$image/bin" "$image/proc" "$image/sys" "$image/dev" "$image/host" "$image/layer" "$image/root" "$image/vm"
cp "$(command -v busybox)" "$image/bin/busybox"
cp "$work/command" "$work/finish" "$image/vm/"
cp "$work/$init.start" "$image/vm/start"
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk fuse virtiofs overlay; do
  found=$(find "$modules" -name "$module.ko")
  [ -z "$found" ] || { cp "$found" "$image/"; echo "/$module.ko" >>"$image/modules"; } # else it is built in
done
cat >"$image/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec >/dev/ttyS0 2>&1 </dev/null
for module in $(cat /modules); do insmod "$module"; done
mount -t virtiofs -o ro host /host
mount -t tmpfs -o mode=755,size=75% layer /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work root /root
for folder in proc sys dev; do mount --move /$folder /root/$folder; done
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts devpts /root/dev/pts
mount -t tmpfs -o mode=1777 shm /root/dev/shm
mount -t tmpfs -o mode=1777 tmp /root/tmp
mount -t tmpfs -o mode=755 run /root/run
mkdir /root/run/lock
cp -r /vm /root/run/vm
ifconfig lo 127.0.0.1 up
exec switch_root /root /bin/sh /run/vm/start
INIT
chmod +x "$image/init"
(cd "$image" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd"
truncate -s 256M "$work/disk"

"$virtiofsd" --socket-path="$work/socket" -o source=/ -o cache=always -o sandbox=chroot >"$work/virtiofsd.log" 2>&1 &
daemon=$!
for _ in $(seq 100); do [ -S "$work/socket" ] || sleep 0.05; done

timeout "${VM_TIMEOUT:-1800}" qemu-system-x86_64 -M q35 -accel "$accel" -cpu max -smp 2 -m "$memory" \
  -object "memory-backend-memfd,id=memory,size=${memory}M,share=on" -numa node,memdev=memory \
  -nodefaults -no-user-config -no-reboot -display none -serial stdio -kernel "$kernel" -initrd "$work/initrd" \
  -append 'console=ttyS0 quiet loglevel=2 panic=-1 cgroup_no_v1=all psi=1 mitigations=off random.trust_cpu=on' \
  -drive "file=$work/disk,format=raw,if=none,id=disk" -device virtio-blk-pci,drive=disk \
  -chardev "socket,id=host,path=$work/socket" -device vhost-user-fs-pci,chardev=host,tag=host </dev/null |
  sed -u 's/\r$//' | tee "$work/output"

code=$(sed -n 's/^command exited with \([0-9]*\)$/\1/p' "$work/output")
[ -n "$code" ] || fail "the machine gave no result: $(tail -n 5 "$work/virtiofsd.log")"
exit "$code"
