# Reads config.json; prints lines of three fields with tabs between: "set" KEY VALUE for what holds, "bad" KEY WHY for
# what does not. A value's tabs, newlines and backslashes are escaped (@tsv).
def given(path): getpath(path) as $value | if $value == null then empty else $value end;
def name(path): path | map(tostring) | join(".");
def check(path; type_name; sound):
  given(path) as $value
  | if ($value | type) != type_name then ["bad", name(path), "no \(type_name)"]
    elif ($value | sound) then ["set", name(path), ($value | tostring)]
    else ["bad", name(path), "no sound value"] end;
def one_line: test("^[^\\n\\r]*$");

if type != "object" then ["bad", "config.json", "no object"]
else
  check(["hostname"]; "string"; test("^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$")),
  check(["persistentLogging"]; "boolean"; true),
  check(["ntpServers"]; "string"; test("^ *[A-Za-z0-9.-]+(:[0-9]+)?( +[A-Za-z0-9.-]+(:[0-9]+)?)* *$")),
  check(["dnsServers"]; "string"; test("^ *[0-9a-fA-F.:]+(#[0-9]+)?( +[0-9a-fA-F.:]+(#[0-9]+)?)* *$")),
  check(["country"]; "string"; test("^[A-Z]{2}$")),
  (if (.os | type) == "object" then
    (given(["os", "sshKeys"])
      | if type != "array" then ["bad", "os.sshKeys", "no array"]
        else to_entries[] | .key as $place | .value
          | if type == "string" and one_line and test("^(ssh-|ecdsa-|sk-)") then ["set", "os.sshKeys", .]
            else ["bad", "os.sshKeys.\($place)", "no public key"] end
        end),
    (if (.os.network | type) == "object" then
      (if (.os.network.connectivity | type) == "object" then
        check(["os", "network", "connectivity", "uri"]; "string"; test("^https?://[^ \\n\\r]+$")),
        (.os.network.connectivity.interval |= (if type == "number" then tostring else . end)
          | check(["os", "network", "connectivity", "interval"]; "string"; test("^[0-9]{1,9}$"))),
        check(["os", "network", "connectivity", "response"]; "string"; one_line)
       elif .os.network.connectivity == null then empty
       else ["bad", "os.network.connectivity", "no object"] end),
      (if (.os.network.wifi | type) == "object" then
        check(["os", "network", "wifi", "randomMacAddressScan"]; "boolean"; true)
       elif .os.network.wifi == null then empty
       else ["bad", "os.network.wifi", "no object"] end)
     elif .os.network == null then empty
     else ["bad", "os.network", "no object"] end),
    (given(["os", "udevRules"])
      | if type != "object" then ["bad", "os.udevRules", "no object"]
        else to_entries[]
          | if (.key | test("^[A-Za-z0-9_-]{1,64}$")) and (.value | type) == "string"
            then ["set", "os.udevRules.\(.key)", .value]
            else ["bad", "os.udevRules.\(.key)", "no rule"] end
        end)
   elif .os == null then empty
   else ["bad", "os", "no object"] end)
end
| @tsv
