package delays

import (
	"fmt"
	"io"
	"time"

	"github.com/seed-8247e700/dsm/internal/console"
)

// Sizes are the groups that are of interest.
func Sizes() []int { return []int{1, 2, 3, 4, 5, 7, 9, 12, 16, 24, 32} }

// networks are the delays that tables are made for: within a hall, between halls, and
// between continents.
var networks = []struct {
	name          string
	delay, jitter time.Duration
}{
	{"LAN", 50 * time.Microsecond, 0},
	{"LAN", 50 * time.Microsecond, 20 * time.Microsecond},
	{"zone", 500 * time.Microsecond, 0},
	{"zone", 500 * time.Microsecond, 100 * time.Microsecond},
	{"WAN", 40 * time.Millisecond, 0},
	{"WAN", 40 * time.Millisecond, 5 * time.Millisecond},
}

// everyMember stands for as many writers as there are members.
const everyMember = -1

var loads = []struct {
	name             string
	writers, clients int
}{
	{"a lone writer", 1, 1},
	{"1 client at every member", everyMember, 1},
	{"64 clients at every member", everyMember, 64},
}

// commandsEach is how many commands each client of a table submits.
const commandsEach = 30

// WriteTables writes what the order costs in groups of these sizes, a table for each
// network and load: delays in units of D, the delay of a message, and for each command
// what all members together send.
func WriteTables(w io.Writer, sizes []int) error {
	for _, net := range networks {
		for _, load := range loads {
			_, err := fmt.Fprintf(w, "\n%s, D = %v, jitter up to %v; %s, closed loop of commands of 100 B\n", net.name, net.delay, net.jitter, load.name)
			if err != nil {
				return err
			}
			t := newTable("members", "agreed", "safe p50", "safe p99", "others p50", "others p99", "commands/message",
				"messages/command", "ACKs/command", "B/command", "ACK B/command", "link writes/command", "only ACK")
			for _, n := range sizes {
				cfg := Config{
					Members: n, Delay: net.delay, Jitter: net.jitter, Seed: 1,
					Writers: load.writers, Clients: load.clients, Commands: commandsEach * load.clients,
				}
				if load.writers == everyMember {
					cfg.Writers = n
				}
				if err := t.group(cfg); err != nil {
					return err
				}
			}
			if err := t.Write(w, console.Width(w)); err != nil {
				return err
			}
		}
	}
	return nil
}

// table has a row for each group.
type table struct{ console.Table }

func newTable(names ...string) *table {
	t := &table{}
	for _, name := range names {
		t.Columns = append(t.Columns, console.Column{Name: name, Number: true})
	}
	return t
}

// group measures a group, and adds its row.
func (t *table) group(cfg Config) error {
	r, err := Run(cfg)
	if err != nil {
		return err
	}
	cfg.Core.Agreed = true
	agreed, err := Run(cfg)
	if err != nil {
		return err
	}
	total, commands := r.Sent, float64(r.Commands)
	delays := func(d time.Duration) string { return fmt.Sprintf("%.2f D", float64(d)/float64(cfg.Delay)) }
	each := func(n int) string { return fmt.Sprintf("%.1f", float64(n)/commands) }
	t.Rows = append(t.Rows, []string{
		fmt.Sprint(cfg.Members), delays(agreed.Sender.Quantile(0.5)),
		delays(r.Sender.Quantile(0.5)), delays(r.Sender.Quantile(0.99)), delays(r.Others.Quantile(0.5)), delays(r.Others.Quantile(0.99)),
		fmt.Sprintf("%.1f", commands/float64(r.Messages)), each(total.Messages), each(total.Acks),
		fmt.Sprintf("%.0f", float64(total.Bytes)/commands), fmt.Sprintf("%.0f", float64(total.AckBytes)/commands),
		each(total.Writes), each(total.AckWrites),
	})
	return nil
}
