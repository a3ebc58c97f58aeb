package main

import (
	"fmt"
	"strings"

	"github.com/seed-8247e700/dsm/bench/workload"
)

// helpWidth is how wide the text of the help is.
const helpWidth = 84

// help is what --help says before the flags.
func help() string {
	return `Dsmbench starts a registry and a group of nodes, or uses a running group, and puts
it under load. It prints how fast operations were, and checks the order that the
nodes delivered and every answer that clients received. It ends with PASS, or with
FAIL and exit status 1. A plain read must see every write that was acknowledged to
any client more than the detection time (2s by default) plus one second before the
read began. In a running group dsmbench uses variables of its own and deletes them
at the end, unless it is interrupted or --keep is given. Write a flag with one dash
or two.

With --workload, clients do something else than single reads and writes, and
dsmbench checks what must hold of it, too:

` + workloads() + `
With --faults, each node and the registry is a process, and dsmbench injects faults:

  kill:n2@3s                 kill -9 after 3s; kill:n1+n2@3s kills two at once
  kill:n2@3s+2s              likewise, and start again 2s later
  leave:n2@3s                n2 leaves the group, as its last member too, and ends;
                             one that takes longer than 2 minutes has crashed
  leave:n2@3s+2s             likewise, and start again 2s later
  restart:n2@6s              start a node again that is gone: same id, new address
  pause:n3@8s+2s             SIGSTOP, and SIGCONT 2s later
  cut:n1-n2@12s+3s           nothing passes between n1 and n2 for 3s
  cut:n1>n2@12s+3s           nothing passes from n1 to n2; the way back is open
  cut:n1-registry@12s+3s     n1 is cut off from the registry
  cut:n1@12s+3s              n1 is cut off from all nodes and the registry, but not
                             from clients
  reset:n1-n2@16s            the connections between n1 and n2 break
  slow:n1-n2@3s+5s=3MiB/s    the link between n1 and n2 carries at most 3 MiB/s each
                             way for 5s; slow:n1>n2@3s+5s=3MiB/s slows one way
  slow:n1@3s+5s=1MiB/s       all that passes between n1 and others shares a port of
                             1 MiB/s each way; clients reach n1 as ever
  slow@3s+5s=300KiB/s        each link between two nodes carries at most 300 KiB/s
  registry@18s+2s            kill -9 the registry, and start it again 2s later;
                             without +2s it comes back only at the end
  diskfull@22s+2s            every write of the registry to its disk fails for 2s

Separate faults by commas. Times count from the end of the warm-up. Clients fail
over to other nodes, and all checks run. The run fails in these cases: a fault stops
writes or reads for longer than the detection time (2s) plus one second; a client
gets no answer although no fault lasts for that long; a process crashes; a fault
cannot be injected. Faults that overlap are judged when the last of them is over. A
group goes on over slow links: while one lasts, other faults are judged too, and the
limit is longer by three times what the writes that clients wait for need at its
rate, of at most 4 MiB and one value for each node. To make a pause in the load
meaningful, --rate must give at least 10 writes and 10 reads per second. Without
--rate, at least 0.1% of the operations must be writes, and 0.1% reads. A load
without any writes, or without any reads, is allowed.
--faults random draws a schedule from --seed, --nodes and --duration, which must be
20s or more. Such a schedule never destroys the group's state. It is printed before
and after the load, so that you can repeat it.

Ctrl-C, SIGTERM, or SIGHUP when the terminal closes, ends a run early. The part that
ran is still checked and reported, and a PASS says how many of the faults happened.
A second Ctrl-C or SIGTERM ends dsmbench at once; a run with --faults then leaves
its directory dsmbench-... in the system's temporary directory. Without a terminal,
and under nohup, SIGHUP has no effect. SIGQUIT prints the stacks of all goroutines
and ends dsmbench at once. SIGUSR1, SIGUSR2 and SIGPIPE have no effect. The nodes
and the registry end with dsmbench, however it ends; on systems other than Linux, a
process that a fault has stopped remains. If stderr can no longer be written, the
run continues.

The exit status is 0 for PASS. It is 1 for FAIL, if there was no run, or if the
report could not be written. It is 2 if the command line is wrong.`
}

// workloads lists the workloads for the help.
func workloads() string {
	const indent = 12
	var b strings.Builder
	for i := range workload.Table {
		row := &workload.Table[i]
		text := row.Does
		if row.Keeps != "" {
			text += ". Checked: " + row.Keeps
		}
		line := fmt.Sprintf("  %-*s", indent-3, row.Name)
		for word := range strings.FieldsSeq(text) {
			if len(line)+1+len(word) > helpWidth {
				b.WriteString(line + "\n")
				line = strings.Repeat(" ", indent-1)
			}
			line += " " + word
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
