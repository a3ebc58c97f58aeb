package sim

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/oracle"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
)

// Counts tell what a run covered, by the names of the report. Of what may be rare, a
// long run need not have any.
type Counts struct {
	Virtual        time.Duration
	Events         uint64 `name:"events"`
	Operations     uint64 `name:"operations of clients answered"`
	Async          uint64 `name:"  written asynchronously"`
	NoRoom         uint64 `name:"batches for which a connection had no room"`
	LateAsync      uint64 `name:"asynchronous writes whose time was up"`
	Unknown        uint64 `name:"  of unknown outcome"`
	GivenUp        uint64 `name:"  given up, without effect"`
	Retries        uint64 `name:"  tried again"`
	Lost           uint64 `name:"  sessions lost"`
	Leaked         uint64 `name:"  sessions opened and forgotten"`
	RefusedOpens   uint64 `name:"  opens refused at the node"`
	TheftWrites    uint64 `name:"  writes refused to thieves"`
	TheftOpens     uint64 `name:"  opens refused to thieves"`
	Reads          uint64 `name:"reads answered by nodes"`
	Watches        uint64 `name:"watches begun"`
	WatchEvents    uint64 `name:"  changes returned"`
	WatchExpiries  uint64 `name:"  of them expiries"`
	Progress       uint64 `name:"  progress without changes"`
	WatchFailOvers uint64 `name:"  continued at another server"`
	WatchesLagged  uint64 `name:"  ended, since they lagged"`
	Scans          uint64 `name:"scans at a position"`
	ScansGone      uint64 `name:"  of states that are gone"`
	Past           uint64 `name:"states of the past looked at"`
	Woken          uint64 `name:"  after they had waited"`
	Shared         uint64 `name:"  strong, with a shared barrier"`
	LateReads      uint64 `name:"  whose time was up"`
	Forgotten      uint64 `name:"  whose client has gone"`
	Outside        uint64 `name:"writes that waited for admission"`
	Full           uint64 `name:"writes refused, since many wait"`
	LateWrites     uint64 `name:"writes whose time was up" rare:"yes"`
	Commands       uint64 `name:"commands in the order"`
	TxnsAsked      uint64 `name:"transactions asked for"`
	OldReleases    uint64 `name:"nodes refused, of an older release"`
	LeftBehind     uint64 `name:"  joiners cut off, since the level rises" rare:"yes"`
	Turns          uint64 `name:"turns of members"`
	Single         uint64 `name:"  with one arrival"`
	Attempts       uint64 `name:"attempts at a view"`
	Views          uint64 `name:"views"`
	Entered        uint64 `name:"  entered by members"`
	Generations    uint64 `name:"  of a new generation"`
	Stalled        uint64 `name:"groups without progress" rare:"yes"`
	Forced         uint64 `name:"  begun by an operator" rare:"yes"`
	Coalesced      uint64 `name:"directives that a later one replaced"`
	SavedAgain     uint64 `name:"registries that could save again"`
	Exclusions     uint64 `name:"exclusions of nodes that run"`
	Snapshots      uint64 `name:"snapshots loaded"`
	Histories      uint64 `name:"  with history"`
	WithTimers     uint64 `name:"  with variables that expire"`
	WithOwners     uint64 `name:"  with variables that have an owner"`
	Between        uint64 `name:"  deliveries between chunks"`
	Rests          uint64 `name:"  rests of the donor"`
	Backlogs       uint64 `name:"  backlogs applied"`
	Heads          uint64 `name:"  heads said again"`
	Outrun         uint64 `name:"  outrun by the deliveries"`
	Lagged         uint64 `name:"  too slow, cut off"`
	Refused        uint64 `name:"  refused by the donor"`
	Unreached      uint64 `name:"  given up, since not reached" rare:"yes"`
	DonorsLost     uint64 `name:"  donors crashed meanwhile"`
	JoinersLost    uint64 `name:"  joiners crashed meanwhile"`
	Outdated       uint64 `name:"directives outdated"`
	Deposed        uint64 `name:"  by another registry process"`
	Missed         uint64 `name:"members that missed a view" rare:"yes"`
	Left           uint64 `name:"nodes that left"`
	NotLetGo       uint64 `name:"nodes not let go in their time"`
	StoppedTold    uint64 `name:"  which the registry was told"`
	Lapses         uint64 `name:"leases run out"`
	Doubts         uint64 `name:"  in doubt, by the wall's clock"`
	Audits         uint64 `name:"audits"`
	Damaged        uint64 `name:"replicas that found damage"`
	DamagedDonors  uint64 `name:"  as donors"`
	Linear         uint64 `name:"histories judged by porcupine"`
	LinearGone     uint64 `name:"  expiries in them"`
	InTime         uint64 `name:"variables that expire in a group at rest"`
	KnobCounts
	UpdateCounts
	oracle.Counts
	wires.LinkCounts
	Faults [faultKinds]uint64
}

// each calls do for each count.
func (c *Counts) each(do func(name string, count *uint64, rare bool)) {
	for _, all := range []reflect.Value{reflect.ValueOf(c).Elem(), reflect.ValueOf(&c.Counts).Elem(), reflect.ValueOf(&c.LinkCounts).Elem(), reflect.ValueOf(&c.KnobCounts).Elem(), reflect.ValueOf(&c.UpdateCounts).Elem()} {
		for i := range all.NumField() {
			if count, ok := all.Field(i).Addr().Interface().(*uint64); ok {
				tag := all.Type().Field(i).Tag
				do(tag.Get("name"), count, tag.Get("rare") != "")
			}
		}
	}
	for f := range faultKinds {
		do("fault: "+f.String(), &c.Faults[f], false)
	}
}

// Add adds the counts of another run.
func (c *Counts) Add(d *Counts) {
	c.Virtual += d.Virtual
	var others []uint64
	d.each(func(_ string, count *uint64, _ bool) { others = append(others, *count) })
	c.each(func(_ string, count *uint64, _ bool) {
		*count += others[0]
		others = others[1:]
	})
}

// Report is a table of what runs have covered.
func Report(c *Counts, seeds uint64, took time.Duration, cores int) string {
	var b strings.Builder
	row := func(name string, value any) { fmt.Fprintf(&b, "%-36s %14v\n", name, value) }
	row("seeds", seeds)
	row("seeds a minute and core", int(float64(seeds)/took.Minutes()/float64(cores)))
	row("time simulated", c.Virtual.Round(time.Second))
	c.each(func(name string, count *uint64, _ bool) { row(name, *count) })
	return b.String()
}

// Missing names what did not occur and must in a run that is long enough: faults, and
// what they bring about.
func Missing(c *Counts) (missing []string) {
	c.each(func(name string, count *uint64, rare bool) {
		if *count == 0 && !rare {
			missing = append(missing, strings.TrimSpace(name))
		}
	})
	return missing
}
