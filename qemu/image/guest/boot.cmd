# U-Boot runs this from the boot partition: it chooses a slot, counts its tries and starts its kernel.
#
# The environment lies twice in raw sectors, as libubootenv keeps it (/etc/fw_env.config): CRC-32 of the variables, a number
# that grows with each write, NAME=VALUE ended by 0 each. The newer whole copy counts, the other one is overwritten.
# A slot with more than @TRIES@ tries left is one that was marked good: its boots are not counted, and cost no write.
setenv at_first @FIRSTAT@
setenv at_second @SECONDAT@

# From the medium to memory, where an earlier boot may have left a copy; `env import -c` knows no number, so the CRC moves up to the variables.
setenv forget 'setenv BOOT_ORDER; setenv BOOT_A_LEFT; setenv BOOT_B_LEFT'
setenv import 'run forget; setexpr body ${at} + 1; env import -c ${body} fff BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT'
setenv fetch 'mw.b ${at} 0 1000; @MEDIUM@ read ${at} ${sector} 8; setexpr body ${at} + 1; setexpr place ${at} + 4; setexpr.b number *${place}; cp.b ${at} @SPAREAT@ 4; cp.b @SPAREAT@ ${body} 4; run import'
setenv env none
setenv at ${at_first}
setenv sector @FIRST@
if run fetch; then setenv env first; setenv number_first ${number}; fi
setenv at ${at_second}
setenv sector @SECOND@
if run fetch; then
  setenv number_second ${number}
  setenv newer 0
  if test ${env} = first; then setexpr newer ${number_second} - ${number_first}; setexpr newer ${newer} \& ff; fi
  if test ${env} = none; then setenv newer 1; fi
  if test 0x${newer} -gt 0 && test 0x${newer} -lt 0x80; then setenv env second; fi
fi
setenv why first
setenv number 0
run forget
if test ${env} = first; then setenv at ${at_first}; run import; setenv number ${number_first}; fi
if test ${env} = second; then setenv at ${at_second}; run import; setenv number ${number_second}; fi
setenv order -
if test -n "${BOOT_ORDER}"; then setexpr order gsub " " "," "${BOOT_ORDER}"; fi
setenv a "${BOOT_A_LEFT}"
setenv b "${BOOT_B_LEFT}"
test -n "${a}" || setenv a -
test -n "${b}" || setenv b -
echo "boardrig: bootloader env=${env} order=${order} left=A:${a},B:${b}"
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
# Slot B of an image as built is empty: it never has a try that no update gave it.
if test ${env} = none; then setenv why fallback; setenv BOOT_A_LEFT @TRIES@; setenv BOOT_B_LEFT 0; fi

# Into the copy that is not the newest. U-Boot cannot flush the medium's cache: a count that a power cut takes back costs one more try.
setenv to_first 'setenv at ${at_first}; setenv sector @FIRST@; setenv env first'
setenv to_second 'setenv at ${at_second}; setenv sector @SECOND@; setenv env second'
setenv save 'if test ${env} = first; then run to_second; else run to_first; fi; setexpr number 0x${number} + 1; mw.b ${at} 0 1000; setexpr body ${at} + 1; setexpr place ${at} + 4; env export -c -s fff ${body} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT; cp.b ${body} @SPAREAT@ 4; cp.b @SPAREAT@ ${at} 4; mw.b ${place} ${number} 1; @MEDIUM@ write ${at} ${sector} 8'

# The first slot of the order that has tries and whose kernel did not fail to load in this boot.
setenv look 'setenv n 0; setenv failed no; if test "${s}" = A; then setenv n "${BOOT_A_LEFT}"; setenv failed ${failed_A}; elif test "${s}" = B; then setenv n "${BOOT_B_LEFT}"; setenv failed ${failed_B}; fi; if test 0x${n} -gt 0 && test ${failed} = no; then setenv slot ${s}; setenv left ${n}; else setenv passed yes; fi'
setenv choose 'setenv slot; setenv passed no; for s in ${BOOT_ORDER}; do if test -z "${slot}"; then run look; fi; done'
setenv failed_A no
setenv failed_B no

# No slot has tries: every one with a kernel gets them anew, since a slot that failed may still be the best there is.
setenv renew 'setenv why none-left; setenv BOOT_ORDER "A B"; setenv BOOT_A_LEFT 0; setenv BOOT_B_LEFT 0; if test -e @MEDIUM@ 0:2 /boot/@KERNEL@; then setenv BOOT_A_LEFT @TRIES@; fi; if test -e @MEDIUM@ 0:3 /boot/@KERNEL@; then setenv BOOT_B_LEFT @TRIES@; fi'

setenv count 'setexpr left 0x${left} - @STEP@; setenv BOOT_${slot}_LEFT ${left}; setenv trial rig.trial=yes; run save'
for round in 1 2 3; do
  run choose
  if test -z "${slot}" && test ${why} != none-left; then run renew; run choose; fi
  if test -n "${slot}"; then
    setenv trial
    if test 0x${left} -le @TRIES@; then run count; fi
    if test ${why} = first && test ${passed} = yes; then setenv why next; fi
    echo "boardrig: bootloader slot=${slot} left=${left} why=${why}"
    if test ${slot} = A; then setenv part 2; else setenv part 3; fi
    if load @MEDIUM@ 0:${part} @INITRDAT@ /boot/initrd && setenv initrd_bytes ${filesize} && load @MEDIUM@ 0:${part} @KERNELAT@ /boot/@KERNEL@@TREE@; then
      setenv bootargs root=PARTLABEL=resin-root${slot} ro rig.slot=${slot} rauc.slot=${slot} ${trial} @CMDLINE@
      setenv initrd_high 0xffffffffffffffff
      @BOOT@ @KERNELAT@ @INITRDAT@:${initrd_bytes} @TREEAT@
    fi
    echo "boardrig: bootloader cannot boot slot=${slot}"
    setenv failed_${slot} yes
  fi
done
reset
