package noise

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"testing/fstest"
	"time"
)

// machine is a /proc of two processors, with what a test has them do.
type machine struct {
	idle, iowait, steal int // ticks of both together
	processes           map[int]string
	at                  time.Duration
}

// running adds a process: its times are its own and those of children that ended.
func (m *machine) running(id, parent int, name string, flags, user, system, childUser, childSystem int) {
	m.processes[id] = fmt.Sprintf("%d (%s) S %d 1 1 0 -1 %d 10 20 0 0 %d %d %d %d 20 0 1 0 100 1000 10\n",
		id, name, parent, flags, user, system, childUser, childSystem)
}

// snapshot reads the machine as process 10.
func (m *machine) snapshot(t *testing.T) Snapshot {
	t.Helper()
	proc := fstest.MapFS{
		"stat": {Data: fmt.Appendf(nil, "cpu  5 0 5 %d %d 1 2 %d 0 0\ncpu0 5 0 5 1 1 1 2 1 0 0\ncpu1 0 0 0 1 1 0 0 1 0 0\nintr 1 2 3\nctxt 5\n",
			m.idle, m.iowait, m.steal)},
		"uptime": {Data: []byte("1 2\n")},
	}
	for id, stat := range m.processes {
		proc[strconv.Itoa(id)+"/stat"] = &fstest.MapFile{Data: []byte(stat)}
	}
	s, err := (&Meter{proc: proc, self: 10, clock: func() time.Duration { return m.at }}).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newMachine() *machine {
	m := &machine{processes: map[int]string{}}
	m.running(1, 0, "init", 0x400100, 10, 10, 1000, 1000)
	m.running(2, 0, "kthreadd", kernelThread|0x40, 0, 1, 0, 0)
	m.running(9, 1, "make", 0, 5, 5, 0, 0)
	m.running(10, 9, "peers", 0, 100, 100, 50, 50)
	m.running(11, 10, "redis (1) server", 0, 0, 0, 0, 0)
	m.running(12, 11, "child", 0, 0, 0, 0, 0)
	m.running(20, 1, "other", 0, 500, 0, 0, 0)
	return m
}

func near(got, want float64) bool { return math.Abs(got-want) < 1e-9 }

// TestOwnWorkIsNoNoise: what the comparison and its descendants use, those that
// have ended too, and the kernel's threads, is not other processes' work.
func TestOwnWorkIsNoNoise(t *testing.T) {
	m := newMachine()
	m.running(13, 10, "zookeeper", 0, 70, 30, 0, 0)
	from := m.snapshot(t)
	m.at = 10 * time.Second // 2,000 ticks
	m.idle, m.iowait = 900, 50
	m.running(2, 0, "kthreadd", kernelThread|0x40, 0, 51, 0, 0) // 50
	m.running(10, 9, "peers", 0, 200, 200, 180, 120)            // 400, of which 100 are 13's, which has ended
	m.running(11, 10, "redis (1) server", 0, 300, 100, 0, 0)    // 400
	m.running(12, 11, "child", 0, 200, 50, 0, 0)                // 250
	delete(m.processes, 13)
	u := Between(from, m.snapshot(t))
	// The tree had 400 before, 13's 100 among them, and has 1,350 now.
	if want := (2000.0 - 950 - 50 - 950) / 2000; !near(u.Unseen, want) || u.Others != 0 || u.Stolen != 0 || u.Seconds != 10 {
		t.Errorf("%+v, not %g", u, want)
	}
	if u.Noisy() {
		t.Error("noisy")
	}
}

// TestOthersAreNoise: processes outside of the tree, the new and those that have
// ended and were waited for.
func TestOthersAreNoise(t *testing.T) {
	for name, change := range map[string]func(*machine){
		"old": func(m *machine) { m.running(20, 1, "other", 0, 600, 20, 0, 0) },
		"new": func(m *machine) { m.running(30, 20, "new", 0, 100, 20, 0, 0) },
		"ended": func(m *machine) {
			delete(m.processes, 20) // it had 500
			m.running(1, 0, "init", 0x400100, 10, 10, 1620, 1000)
		},
	} {
		m := newMachine()
		from := m.snapshot(t)
		m.at, m.idle = 10*time.Second, 2000-120
		change(m)
		if u := Between(from, m.snapshot(t)); !near(u.Others, 0.06) || u.Unseen != 0 || !u.Noisy() || !u.NoisyIdle() {
			t.Errorf("%s: %+v", name, u)
		}
	}
}

// TestUnseen: what no process accounts for is noise on an idle machine. Beside a
// load the kernel has a part of it.
func TestUnseen(t *testing.T) {
	for ticks, noisy := range map[int]bool{120: false, 420: true} {
		m := newMachine()
		from := m.snapshot(t)
		m.at, m.idle = 10*time.Second, 2000-ticks
		delete(m.processes, 20) // and what it had with it
		if u := Between(from, m.snapshot(t)); !near(u.Unseen, float64(ticks)/2000) || u.Others != 0 || u.Noisy() != noisy || !u.NoisyIdle() {
			t.Errorf("%+v", u)
		}
	}
}

func TestStolenTimeIsNoise(t *testing.T) {
	m := newMachine()
	from := m.snapshot(t)
	m.at, m.idle, m.steal = 10*time.Second, 1940, 60
	if u := Between(from, m.snapshot(t)); !near(u.Stolen, 0.03) || u.Others != 0 || !u.Noisy() {
		t.Errorf("%+v", u)
	}
}

// TestCountersThatDisagree: they have hundredths of seconds and are read one after
// another, so that the parts may be more than the whole.
func TestCountersThatDisagree(t *testing.T) {
	m := newMachine()
	from := m.snapshot(t)
	if u := Between(from, from); u != (Use{}) {
		t.Errorf("of no time: %+v", u)
	}
	m.at, m.idle = time.Second, 203
	if u := Between(from, m.snapshot(t)); u.Others != 0 || u.Stolen != 0 {
		t.Errorf("%+v", u)
	}
}

// TestReusedIds: a process whose parent's id belongs to its child has no end of
// ancestors.
func TestReusedIds(t *testing.T) {
	all := map[int]process{20: {parent: 21}, 21: {parent: 20}}
	if descends(all, 20, 10) {
		t.Error("it descends from who is not there")
	}
}

func TestMalformed(t *testing.T) {
	good := "cpu  5 0 5 9 9 1 2 3 0 0\ncpu0 5 0 5 1 1 1 2 1 0 0\n"
	for name, proc := range map[string]fstest.MapFS{
		"nothing":       {},
		"no processors": {"stat": {Data: []byte("intr 1\n")}},
		"short":         {"stat": {Data: []byte("cpu 1 2 3\ncpu0 1 2 3\n")}},
		"no numbers":    {"stat": {Data: []byte("cpu 1 2 3 x 5 6 7 8\ncpu0 1\n")}},
		"process":       {"stat": {Data: []byte(good)}, "7/stat": {Data: []byte("7 sh S 1\n")}},
		"parent":        {"stat": {Data: []byte(good)}, "7/stat": {Data: []byte("7 (sh) S x 1 1 0 -1 0 10 20 0 0 1 2 3 4 20\n")}},
		"flags":         {"stat": {Data: []byte(good)}, "7/stat": {Data: []byte("7 (sh) S 1 1 1 0 -1 x 10 20 0 0 1 2 3 4 20\n")}},
		"times":         {"stat": {Data: []byte(good)}, "7/stat": {Data: []byte("7 (sh) S 1 1 1 0 -1 0 10 20 0 0 1 2 3 x 20\n")}},
	} {
		if _, err := NewMeter(proc, 10).Snapshot(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, text := range []string{"", "x 1 2"} {
		if _, err := LoadAverage(fstest.MapFS{"loadavg": {Data: []byte(text)}}); err == nil {
			t.Errorf("a load average of %q: no error", text)
		}
	}
	if l, err := LoadAverage(fstest.MapFS{"loadavg": {Data: []byte("0.25 1.00 2.00 2/94 17\n")}}); l != 0.25 || err != nil {
		t.Errorf("load average %g, %v", l, err)
	}
}
