// Package registry keeps the membership of one group: who is in it, in which
// view, and who is to lead the next change. It never sees data.
//
// A [Registry] is the shell around the decisions of package membership: it
// reads the clock, saves state before anything that depends on it is told, and
// serves an API on one port. Start it with a directory, and a restart goes on
// from the last committed view and the attempt under way:
//
//	reg, err := registry.Start(ctx, registry.Config{Listen: ":6001", DataDir: dir})
//	if err != nil { ... }
//	defer reg.Close()
//
// The API speaks gRPC, gRPC-Web and Connect; the latter is plain JSON by POST:
//
//	curl -H 'Content-Type: application/json' -d '{}' \
//		http://127.0.0.1:6001/dsm.registry.v1.Registry/Status
//	curl http://127.0.0.1:6001/v1/view
//	curl http://127.0.0.1:6001/healthz
//
// A node uses a [Client]. It registers, reports in heartbeats, and obeys the
// directives that answer them, of which a watch delivers each new one at once:
//
//	client, err := registry.Dial("127.0.0.1:6001")
//	incarnation, directive, err := client.Register(ctx, membership.Registration{ID: "n1", ...})
//	from := membership.From{ID: "n1", Incarnation: incarnation, Group: directive.Group, ...}
//	go client.Watch(ctx, from, func(d *membership.Directive) { ... })
//	directive, err = client.Heartbeat(ctx, from, &membership.Report{...})
//	err = client.Leave(ctx, from, false, "left") // repeat until a directive says excluded
//
// A directive is complete: a node compares revisions, drops an older one, and
// needs nothing but the newest.
//
// The positions of a new generation lie above all earlier ones of the group: the
// registry keeps a floor from what nodes report (see [membership.Room]), and tells
// the founders with their first directive where to begin.
//
// While the registry is away the view is frozen: the group goes on as long as
// no member fails. If it cannot save its state it refuses every change until it
// can, and is to its nodes as if it were away.
package registry
