#!/bin/sh
# Runs the tests of process trees, or the command that is given, on a host with nothing but cgroup v2: a virtual machine
# with a Debian kernel, whose root is this host's, read-only under a layer in memory.
#
#   test/vm/run.sh [COMMAND [ARG...]]      exits as the command does; 125: the machine gave no result
#
# Needs the Debian packages qemu-system-x86, qemu-system-common (virtiofsd), linux-image-cloud-amd64 and
# busybox-static. It emulates the processor, which works everywhere and is slow; VM_ACCEL=kvm doesn't where that works.
# VM_MEMORY (MiB, 2048) and VM_TIMEOUT (seconds, 900) can be set, too.
set -eu
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- node --import tsx --test --test-concurrency=1 \
  test/contract/processes.test.ts test/integration/processes.test.ts
memory=${VM_MEMORY:-2048}

fail() { echo "test/vm/run.sh: $*" >&2; exit 125; }
kernel=$(find /boot -name 'vmlinuz-*-cloud-amd64' | sort -V | tail -n 1)
[ -n "$kernel" ] || fail 'no kernel: install linux-image-cloud-amd64'
modules=/lib/modules/${kernel#/boot/vmlinuz-}/kernel
for virtiofsd in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd ''; do [ ! -x "$virtiofsd" ] || break; done
[ -n "$virtiofsd" ] || fail 'no virtiofsd: install qemu-system-common, or virtiofsd'

work=$(mktemp -d)
daemon=
trap 'kill $daemon 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The command, quoted once more so that it survives on its way.
{
  echo 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root SLIPWAY_TEST_BACKEND=cgroup-v2'
  printf "cd '%s'\n" "$PWD"
  for word in "$@"; do printf "'%s' " "$(printf %s "$word" | sed "s/'/'\\\\''/g")"; done
} >"$work/command"

# An initramfs that mounts the host's root, lays memory over it and runs the command in it.
image=$work/image
mkdir -p "$image/bin" "$image/proc" "$image/sys" "$image/dev" "$image/host" "$image/layer" "$image/root"
cp "$(command -v busybox)" "$image/bin/busybox"
cp "$work/command" "$image/command"
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci fuse virtiofs overlay; do
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
mount -t tmpfs -o mode=755 layer /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work root /root
for folder in proc sys dev; do mount --move /$folder /root/$folder; done
mount -t tmpfs -o mode=1777 tmp /root/tmp
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
ifconfig lo 127.0.0.1 up
cp /command /root/tmp/command
chroot /root /bin/sh /tmp/command
echo "command exited with $?"
poweroff -f
INIT
chmod +x "$image/init"
(cd "$image" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd"

"$virtiofsd" --socket-path="$work/socket" -o source=/ -o cache=always -o sandbox=chroot >"$work/virtiofsd.log" 2>&1 &
daemon=$!
for _ in $(seq 100); do [ -S "$work/socket" ] || sleep 0.05; done

timeout "${VM_TIMEOUT:-900}" qemu-system-x86_64 -M q35 -accel "${VM_ACCEL:-tcg,thread=multi}" -cpu max -smp 2 -m "$memory" \
  -object "memory-backend-memfd,id=memory,size=${memory}M,share=on" -numa node,memdev=memory \
  -nodefaults -no-user-config -no-reboot -display none -serial stdio -kernel "$kernel" -initrd "$work/initrd" \
  -append 'console=ttyS0 quiet panic=-1 cgroup_no_v1=all random.trust_cpu=on' \
  -chardev "socket,id=host,path=$work/socket" -device vhost-user-fs-pci,chardev=host,tag=host </dev/null |
  tr -d '\r' | tee "$work/output"

code=$(sed -n 's/^command exited with \([0-9]*\)$/\1/p' "$work/output")
[ -n "$code" ] || fail "the machine gave no result: $(tail -n 5 "$work/virtiofsd.log")"
exit "$code"
