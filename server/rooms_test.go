package server

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rooms are the groups of files of this package, see its doc.
var rooms = map[string][]string{
	"node": {
		"advertise", "identity", "identity_wait", "listener", "liveheap", "lock_other", "lock_unix", "loop", "node",
		"place", "place_darwin", "place_linux", "place_other", "predecessor", "registry", "run", "stop", "speakfirst_linux", "speakfirst_other",
	},
	"everybody": {"config"}, // may be used from all rooms
	"replica": {
		"damage", "donate", "event", "heartbeat", "host", "incarnation", "leave", "locate", "observe", "reach", "replica", "status", "trouble", "turnstile",
	},
	"front": {
		"account", "alive", "calls", "clientconn", "clientin", "clientout", "clients", "clientset", "feed", "feedlog", "front", "furthest", "listing", "local", "local_watch", "readonly", "scan", "sessionlist", "statuses", "submit", "watch",
		"subscribe",
	},
}

// TestRooms holds the walls between the rooms: what one uses of another goes through the
// doors that are listed here, and through no others.
func TestRooms(t *testing.T) {
	used := usesBetweenRooms(t)
	for pair, names := range used {
		for name := range names {
			if !slices.Contains(strings.Fields(doors[pair]), name) {
				t.Errorf("%s: %s is used, which is no door", pair, name)
			}
		}
	}
	for pair, names := range doors {
		for name := range strings.FieldsSeq(names) {
			if !used[pair][name] {
				t.Errorf("%s: nothing uses the door %s", pair, name)
			}
		}
	}
}

// usesBetweenRooms returns, by "room > other", what is declared in the other and used in
// the room: functions, types, constants and variables by their names, methods and fields
// as type.name.
func usesBetweenRooms(t *testing.T) map[string]map[string]bool {
	t.Helper()
	roomOf := map[string]string{}
	for room, files := range rooms {
		for _, file := range files {
			roomOf[file+".go"] = room
		}
	}
	set := token.NewFileSet()
	var files []*ast.File
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || path == "doc.go" {
			continue
		}
		if roomOf[path] == "" {
			t.Errorf("%s is in no room", path)
		}
		if match, err := build.Default.MatchFile(".", path); err != nil || !match {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
	// Other packages are left empty: what is declared here is found all the same.
	check := types.Config{Importer: nothing{}, Error: func(error) {}}
	pkg, _ := check.Check("server", set, files, info)
	owners := fieldOwners(pkg)
	uses := map[string]map[string]bool{}
	for ident, object := range info.Uses {
		if object.Pkg() != pkg || object.Parent() != nil && object.Parent() != pkg.Scope() || !object.Pos().IsValid() {
			continue
		}
		from := roomOf[filepath.Base(set.Position(ident.Pos()).Filename)]
		to := roomOf[filepath.Base(set.Position(object.Pos()).Filename)]
		if from == to || to == "" || to == "everybody" {
			continue
		}
		pair := from + " > " + to
		if uses[pair] == nil {
			uses[pair] = map[string]bool{}
		}
		uses[pair][owners.name(object)] = true
	}
	return uses
}

// nothing imports empty packages.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, filepath.Base(path))
	p.MarkComplete()
	return p, nil
}

// owners are the types that fields belong to.
type owners map[types.Object]string

func fieldOwners(pkg *types.Package) owners {
	o := owners{}
	for _, name := range pkg.Scope().Names() {
		object, ok := pkg.Scope().Lookup(name).(*types.TypeName)
		if !ok {
			continue
		}
		if s, ok := object.Type().Underlying().(*types.Struct); ok {
			for i := range s.NumFields() {
				if _, named := o[s.Field(i)]; !named {
					o[s.Field(i)] = name
				}
			}
		}
	}
	return o
}

func (o owners) name(object types.Object) string {
	if owner := o[object]; owner != "" {
		return owner + "." + object.Name()
	}
	if f, ok := object.(*types.Func); ok {
		if recv := f.Signature().Recv(); recv != nil {
			of := strings.TrimPrefix(recv.Type().String(), "*")
			return strings.TrimPrefix(of, "server.") + "." + f.Name()
		}
	}
	return object.Name()
}

// doors are what a room uses of another.
var doors = map[string]string{
	"everybody > front": `
		framePatience
	`,
	"everybody > replica": `
		registryClient
	`,
	"front > replica": `
		ClientStatus SessionsStatus SessionsStatus.Alive SessionsStatus.ClientLimit SessionsStatus.Clients
		SessionsStatus.Limit SessionsStatus.Most Status Status.Position Status.encode batch
	`,
	"node > front": `
		Config.debugged clientBatch.account clientBatch.client clientBatch.stale clientBatch.version clientConn.close clientConn.goAway
		clientConn.serve clientSet.add clientSet.len clientSet.remove front.clients localConn localConn.f
		nameOf newClientConn readOnlyConn
	`,
	"node > replica": `
		MemberStatus Node.Leave Node.Status Node.live Node.newReplica Status.Members askTime askToLeave
		configError leaseSignal.when leaveRequest registryClient registryClient.Close registryClient.Leave registryClient.Stopped
		registryClient.Register replica replica.cfg replica.detection replica.donate replica.ended
		replica.from replica.front replica.generation replica.group replica.info replica.isDamaged
		replica.joined replica.lease replica.leaving replica.log replica.loops replica.next
		replica.nextLoop replica.reader replica.reason replica.self replica.serves troubleInterval
		turnstile.beginRound turnstile.endRound
	`,
	"replica > front": `
		clientSet.len feed.close feed.joiner feedLog front front.addFeed front.begin front.cfg front.clients front.close
		front.delivered front.end front.endTurn front.ended front.entered front.goAway front.goOn front.info
		front.limits front.log front.memory front.node front.pulse front.reader front.sessions front.status
		front.tellCrowd front.turns newFeed
	`,
	"replica > node": `
		Node Node.cancel Node.cfg Node.client Node.current
		Node.done Node.incarnation Node.leaver Node.left Node.log Node.recordIdentity Node.setIncarnation leastPause
		liveHeap mostPause replica.closeLoops replica.linkLoop replica.startLoops
	`,
}
