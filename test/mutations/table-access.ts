import type { Mutation } from './mutation.js';

const scripts = '/usr/lib/boardrig';
const boot = `${scripts}/boot.sh`;
const network = `${scripts}/network.sh`;
const dhcp = `${scripts}/dhcp.sh`;
const twoBoards = 'networking/two boards at once have different identities';
const link = 'networking/notices that the link is down and recovers when it is up';
const route = 'networking/has a default route through the network of its address';

/** Where the boot's work is done and only its last words are missing. */
const end = 'touch /run/ready';
/** `openssl passwd -6 -salt boardrig resin`. */
const passwordHash =
  '$6$boardrig$bW8Di9xT5nBExKpWTiIF6XLCGGUSSQOnON.qDP3YGRTV4HwGJMkr5u6diw/qpYx0LIyqC.hR7XyMcfWTQxDr/0';

/** Networking and who may log in. */
export const accessMutations: readonly Mutation[] = [
  {
    name: 'no-default-route',
    breaks: 'DHCP sets no default route',
    select: { tier: 'smoke', only: /^networking\// },
    apply: (image) => image.editRoot(dhcp, 'for gateway in $router; do', 'for gateway in; do'),
    fails: {
      [route]: /there is a default route/,
      [link]: /there is a default route/,
      [twoBoards]: /there is a default route/,
    },
  },
  {
    name: 'static-address',
    breaks: 'the address is set by hand instead of by DHCP',
    select: { tier: 'pr', only: /^networking\/(has|name|reaches|takes its address)/ },
    apply: (image) =>
      image.editRoot(
        network,
        /^udhcpc .*$/m,
        'ip addr add 10.0.2.15/24 dev $link; ip route add default via 10.0.2.2; echo nameserver 10.0.2.3 >/run/resolv.conf; sleep 99999 &',
      ),
    fails: {
      'networking/takes its address by DHCP': /the address has an end, or a DHCP client keeps it/,
    },
  },
  {
    name: 'no-name-server',
    breaks: 'DHCP sets no name server',
    apply: (image) => image.editRoot(dhcp, 'for server in $dns; do', 'for server in; do'),
    fails: { 'networking/name servers answer': /the resolver has a name server/ },
  },
  {
    name: 'dead-name-server',
    breaks: 'the resolver asks a name server that is not there',
    select: { tier: 'smoke', only: /^networking\/(has|name|reaches|answers)/ },
    apply: (image) => image.editRoot(dhcp, 'echo "nameserver $server"', 'echo "nameserver 127.0.0.1"'),
    fails: { 'networking/name servers answer': /a name server answers/ },
  },
  {
    name: 'nothing-goes-out',
    breaks: 'the board can make no connection, because no port is left for one',
    select: { tier: 'smoke', only: /^networking\/(has|name|reaches|answers|notices)/ },
    apply: (image) =>
      image.editRoot(
        boot,
        end,
        `echo 60000 60000 >/proc/sys/net/ipv4/ip_local_port_range\necho 60000 >/proc/sys/net/ipv4/ip_local_reserved_ports\n${end}`,
      ),
    fails: {
      'networking/name servers answer': /a name server answers/,
      'networking/reaches an HTTP server of the rig': /can't connect to remote host/,
      'networking/answers HTTP through the forwarded port': /can't connect to remote host/,
    },
  },
  {
    name: 'no-http-server',
    breaks: 'no HTTP server runs',
    select: { tier: 'smoke', only: /^networking\// },
    apply: (image) => image.editRoot(boot, /^keep http .*\n/m, ''),
    fails: {
      'networking/answers HTTP through the forwarded port': /The board answers HTTP: not within/,
      [twoBoards]: /The board answers HTTP: not within/,
    },
  },
  {
    name: 'link-not-recovered',
    breaks: 'the address is dropped when the link goes down, and nothing brings it back',
    select: { tier: 'smoke', only: /^networking\// },
    apply: (image) => image.editRoot(network, 'kill -USR1 $client', 'ip addr flush dev $link'),
    // The board drops it a moment after its carrier is back, and may be reached until then.
    fails: { [link]: /can be reached again: not within|Read the carrier again: .* did not end over ssh/ },
  },
  {
    name: 'hostname-ignored',
    breaks: 'the host name in config.json is ignored',
    select: { tier: 'pr', only: /^(networking\/has|config\/takes its host)/ },
    apply: (image) =>
      image.editRoot(`${scripts}/identity.sh`, 'hostname) hostname=$value ;;', 'hostname) ;;'),
    fails: { 'config/takes its host name from config.json': /the board is called as config.json says/ },
  },
  {
    name: 'ssh-keys-ignored',
    breaks: 'os.sshKeys in config.json is ignored',
    select: { tier: 'pr', only: /^(networking\/has|config\/(lets in|takes its host))/ },
    apply: (image) =>
      image.editRoot(`${scripts}/identity.sh`, 'echo "$value" >>/run/ssh/authorized_keys', ':'),
    fails: { 'config/lets in who has an ssh key of config.json': /it is accepted/ },
  },
  {
    name: 'same-machine-id',
    breaks: 'the machine id is fixed in the image',
    apply: (image) =>
      image.editRoot(
        `${scripts}/identity.sh`,
        'echo "$uuid" | tr -d - | replace_file $state/machine-id',
        'echo 0123456789abcdef0123456789abcdef | replace_file $state/machine-id',
      ),
    fails: { [twoBoards]: /the machine ids differ/ },
  },
  {
    name: 'no-ssh-server',
    breaks: 'no ssh server runs',
    select: { tier: 'smoke', only: /^boot\/(boots|the root)/ },
    apply: (image) => image.editRoot(boot, /^keep ssh .*\n/m, ''),
    fails: {
      'boot/boots from the expected partition': /Cannot connect over ssh/,
      'boot/the root is read-only and refuses a write': /Cannot connect over ssh/,
    },
  },
  {
    name: 'dev-without-login',
    breaks: 'a dev image has no login on the serial line',
    select: { tier: 'smoke', only: /^variants\/dev: the serial/ },
    shellBudget: '25s',
    apply: (image) => image.editRoot('/etc/inittab', /^.*getty.*\n/m, ''),
    fails: {
      'variants/dev: the serial line gives a shell':
        /had no shell within \d+ ms; the last stage seen was init/,
    },
  },
  {
    name: 'dev-with-password',
    breaks: 'a dev image wants a key over ssh',
    select: { tier: 'smoke', only: /^variants\/dev:/ },
    apply: (image) =>
      image.editRoot('/etc/boardrig/image.conf', "DROPBEAR_OPTIONS='-B'", "DROPBEAR_OPTIONS='-s'"),
    fails: { 'variants/dev: root logs in over ssh without a key or password': /root is let in/ },
  },
  {
    name: 'prod-as-built',
    breaks: 'nothing: every test must pass on the prod image too',
    variant: 'prod',
    apply: async () => {},
    fails: {},
  },
  {
    name: 'prod-with-login',
    breaks: 'a prod image has a getty on the serial line',
    variant: 'prod',
    select: { tier: 'pr', only: /^variants\/prod:/ },
    apply: (image) =>
      image.editRoot('/etc/inittab', /^/, 'ttyAMA0::respawn:/sbin/getty -L 115200 ttyAMA0 vt100\n'),
    fails: {
      'variants/prod: no login on the serial line':
        /no process has the console as its terminal: .*\(and 1 more/,
      'variants/prod: the serial line is silent after the kernel': /nothing but the kernel wrote to the line/,
    },
  },
  {
    name: 'prod-talks',
    breaks: 'a prod image writes on the serial line',
    variant: 'prod',
    select: { tier: 'pr', only: /^variants\/prod:/ },
    apply: (image) => image.editRoot(boot, end, `echo 'starting services' >/dev/console\n${end}`),
    fails: {
      'variants/prod: the serial line is silent after the kernel': /nothing but the kernel wrote to the line/,
    },
  },
  {
    name: 'prod-without-password',
    breaks: 'a prod image lets root in with an empty password',
    variant: 'prod',
    select: { tier: 'pr', only: /^variants\/prod:/ },
    apply: async (image) => {
      await image.editRoot('/etc/boardrig/image.conf', "DROPBEAR_OPTIONS='-s'", "DROPBEAR_OPTIONS='-B'");
      await image.editRoot('/etc/shadow', 'root:*:', 'root::');
    },
    fails: { 'variants/prod: ssh takes the key and nothing else': /no credential is refused/ },
  },
  {
    name: 'prod-guessable-password',
    breaks: 'a prod image lets root in with the password "resin"',
    variant: 'prod',
    select: { tier: 'pr', only: /^variants\/prod:/ },
    apply: async (image) => {
      await image.editRoot('/etc/boardrig/image.conf', "DROPBEAR_OPTIONS='-s'", "DROPBEAR_OPTIONS=''");
      await image.editRoot('/etc/shadow', 'root:*:', `root:${passwordHash}:`);
    },
    fails: { 'variants/prod: ssh takes the key and nothing else': /the password "resin" is refused/ },
  },
];
