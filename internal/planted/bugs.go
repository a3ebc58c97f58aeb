package planted

// Bug names one known mistake. The descriptions are in list.go, which release
// binaries do not contain.
type Bug uint8

// The known mistakes.
const (
	WrongEnd Bug = iota + 1
	ClockBehind
	CollidingIDs
	EarlyReturn
	JoinerMisses
	ReadMissInstalls
	MaximumRule
	UnfinishedUnordered
	FutureDropped
	NoStability
	WedgeWithoutBase
	AckAcrossGap
	AckBeforeStable
	FlushWithoutFinals
	FlushStateMoves
	CutReused
	JoinerAcksBlind
	PayloadOfNobody
	PayloadsForgotten
	AttemptNeverGrows
	LeaderAmongJoiners
	NoIncarnation
	SnapshotElsewhere
	ResultsNotInSnapshot
	RetryRenumbered
	PositionForgotten
	LeaseIgnored
	RestartForgets
	ResumeSkips
	TieDiffers
	HeartbeatByID
	AttemptFromFailed
	ReportsOneWay
	LeaseFromReceipt
	WedgedVouches
	ResultsPruned
	SessionFromRetry
	StableTooSoon
	PredecessorIgnored
	ReadOvertakes
	ObeysOtherGroup
	LeaveGivesUp
	PositionsBeginAnew
	FloorWithoutRoom
	UnknownForgotten
	AuditByKeptDigest
	DonorIgnoresDamage
	ExpiryKeepsCount
	ClientsNotInSnapshot
	ParkedUnindexed
	ExpiredForgotten
	BarrierShared
	WokenWithoutLease
	HeadForChunk
	LeaseFromAnswer
	StallCountsInFull
	AdmissionKept
	LeavesUnsafely
	ToldUnsaved
	WedgeLost
	StreamUnseen
	RefusalUnknown
	WaitersUncounted
	LinkForgetsClaim
	TxnHalfDone
	TxnIfIgnored
	TxnDataNotInSnapshot
	TxnRepeatBare
	LevelFalls
	FeedOutlivesLevel
	TornPositionTaken
	WatchBeginsAgain
	ScanMoves
	WatchSkips
	HistoryFloorLow
	RangeForgetsDeletions
	TimersNotInSnapshot
	TimerOwnClock
	TimerFromCommand
	TimeCountedTwice
	ExpiryUnseen
	SyncedEarly
	SnapshotTwoPositions
	UpdateRenumbered
	PendingExpires
	OwnersForgotten
	ProofAtOnce
	GreetingUnjudged
)
