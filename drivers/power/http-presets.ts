/** One request that a relay takes for an order. */
export interface HttpOrder {
  readonly url: string;
  readonly method?: string;
  readonly body?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request whose answer is the state: the whole text, or what stands at `path` of JSON. */
export interface StateReading extends HttpOrder {
  readonly path?: string | undefined;
  readonly on: string;
  readonly off: string;
}

interface Preset {
  readonly device: string;
  readonly on: HttpOrder;
  readonly off: HttpOrder;
  readonly state: StateReading;
}

interface PresetOptions {
  readonly relay?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

export const presets: Readonly<
  Record<'tasmota' | 'shelly' | 'shelly-gen2', (host: string, options: PresetOptions) => Preset>
> = {
  /** Tasmota, "Commands", "Power": `cm?cmnd=Power1 On`; it logs in by parameters. A device of one relay answers POWER, one of several POWER1 (SetOption26). */
  tasmota: (host, { relay = 1, user, password }) => {
    const login =
      password === undefined
        ? ''
        : `user=${encodeURIComponent(user ?? 'admin')}&password=${encodeURIComponent(password)}&`;
    const command = (text: string) => ({
      url: `http://${host}/cm?${login}cmnd=${encodeURIComponent(text)}`,
    });
    return {
      device: `relay ${relay} of Tasmota ${host}`,
      on: command(`Power${relay} On`),
      off: command(`Power${relay} Off`),
      state: { ...command(`Power${relay}`), path: `POWER${relay}|POWER`, on: 'ON', off: 'OFF' },
    };
  },
  /** Shelly, first generation, "/relay/{index}": `turn`, answered with `ison`. */
  shelly: (host, { relay = 0 }) => ({
    device: `relay ${relay} of Shelly ${host}`,
    on: { url: `http://${host}/relay/${relay}?turn=on` },
    off: { url: `http://${host}/relay/${relay}?turn=off` },
    state: { url: `http://${host}/relay/${relay}`, path: 'ison', on: 'true', off: 'false' },
  }),
  /** Shelly from the second generation on, RPC over HTTP: Switch.Set and Switch.GetStatus, answered with `output`. */
  'shelly-gen2': (host, { relay = 0 }) => ({
    device: `relay ${relay} of Shelly ${host}`,
    on: { url: `http://${host}/rpc/Switch.Set?id=${relay}&on=true` },
    off: { url: `http://${host}/rpc/Switch.Set?id=${relay}&on=false` },
    state: {
      url: `http://${host}/rpc/Switch.GetStatus?id=${relay}`,
      path: 'output',
      on: 'true',
      off: 'false',
    },
  }),
};
