// Package registry keeps the membership of one group: which nodes are in it, in
// which view, and which member leads the next change. It never sees data.
//
// A [Registry] is the shell around the decisions of package membership. It
// reads the clock, saves state before it sends anything that depends on it, and
// serves an API on one port. If it has a directory, a restart continues from the
// last committed view and the attempt under way:
//
//	reg, err := registry.Start(ctx, registry.Config{Listen: ":6001", DataDir: dir})
//	if err != nil { ... }
//	defer reg.Close()
//
// The API speaks gRPC, gRPC-Web and Connect, which is plain JSON by POST:
//
//	curl -H 'Content-Type: application/json' -d '{}' \
//		http://127.0.0.1:6001/dsm.registry.v1.Registry/Status
//	curl http://127.0.0.1:6001/v1/view
//	curl http://127.0.0.1:6001/healthz
//
// A node uses a [Client]. It registers, reports in heartbeats, and follows the
// directives that answer them. A watch delivers each new directive at once:
//
//	client, err := registry.Dial("127.0.0.1:6001")
//	incarnation, directive, err := client.Register(ctx, membership.Registration{ID: "n1", ...})
//	from := membership.From{ID: "n1", Incarnation: incarnation, Group: directive.Group, Key: directive.Keys[incarnation], ...}
//	go client.Watch(ctx, from, func(d *membership.Directive) { ... })
//	directive, err = client.Heartbeat(ctx, from, &membership.Report{...})
//	err = client.Leave(ctx, from, false, "left") // repeat until a directive says excluded
//
// A directive is complete. A node compares revisions, drops older directives, and
// needs only the newest.
//
// The positions of a new generation lie above all earlier positions of the group.
// The registry computes a floor from the nodes' reports (see [membership.Room]), and
// sends the first position to the founders in their first directive.
//
// While the registry is away, the view is frozen: the group continues as long as
// no member fails. If the registry cannot save its state, it refuses every change
// until it can. To the nodes this is the same as if it were away.
package registry
