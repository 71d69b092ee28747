CREATE TABLE IF NOT EXISTS erasure (
	mac VARCHAR(64) NOT NULL, 
	hmac_key VARCHAR(64) NOT NULL, 
	erased DATETIME NOT NULL, 
	finished DATETIME, 
	PRIMARY KEY (mac)
);

CREATE TABLE IF NOT EXISTS forger (
	id VARCHAR(26) NOT NULL, 
	source VARCHAR(255) NOT NULL, 
	collection VARCHAR(255) NOT NULL, 
	external_id VARCHAR(255) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (source, collection, external_id)
);

CREATE TABLE IF NOT EXISTS load (
	id INTEGER NOT NULL, 
	source VARCHAR(255) NOT NULL, 
	started DATETIME NOT NULL, 
	finished DATETIME, 
	added INTEGER NOT NULL, 
	changed INTEGER NOT NULL, 
	unchanged INTEGER NOT NULL, 
	retired INTEGER NOT NULL, 
	rejected INTEGER NOT NULL, 
	fingerprint TEXT, 
	PRIMARY KEY (id)
);

CREATE TABLE IF NOT EXISTS schema_version (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);

CREATE TABLE IF NOT EXISTS signee (
	id VARCHAR(26) NOT NULL, 
	source VARCHAR(255) NOT NULL, 
	collection VARCHAR(255) NOT NULL, 
	external_id VARCHAR(255), 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (source, collection, external_id)
);

CREATE TABLE IF NOT EXISTS signature (
	id VARCHAR(26) NOT NULL, 
	signee_id VARCHAR(26) NOT NULL, 
	forger_id VARCHAR(26), 
	parent_id VARCHAR(26), 
	source VARCHAR(255) NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	modality VARCHAR(8) NOT NULL, 
	authenticity VARCHAR(8) NOT NULL, 
	sample VARCHAR(255), 
	asset_id VARCHAR(255), 
	blank BOOLEAN NOT NULL, 
	width INTEGER, 
	height INTEGER, 
	mode VARCHAR(16), 
	point_count INTEGER, 
	content_hash VARCHAR(32), 
	metadata JSON NOT NULL, 
	created DATETIME NOT NULL, 
	retired_at DATETIME, 
	stale BOOLEAN NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT kind CHECK (kind IN ('image', 'xyz')), 
	CONSTRAINT modality CHECK (modality IN ('offline', 'online')), 
	CONSTRAINT authenticity CHECK (authenticity IN ('genuine', 'forged')), 
	CONSTRAINT no_parent_of_itself CHECK (parent_id <> id), 
	CONSTRAINT an_image_is_an_asset CHECK ((kind = 'image') = (asset_id IS NOT NULL)), 
	CONSTRAINT a_trajectory_has_points CHECK ((kind = 'xyz') = (point_count IS NOT NULL)), 
	FOREIGN KEY(signee_id) REFERENCES signee (id), 
	FOREIGN KEY(forger_id) REFERENCES forger (id)
);

CREATE TABLE IF NOT EXISTS source_file (
	source VARCHAR(255) NOT NULL, 
	path VARCHAR(1024) NOT NULL, 
	content_hash VARCHAR(32), 
	size INTEGER, 
	extractor_version VARCHAR(32), 
	claim VARCHAR(16), 
	state VARCHAR(8) NOT NULL, 
	reason VARCHAR(32), 
	detail TEXT, 
	signature_id VARCHAR(26), 
	load_id INTEGER NOT NULL, 
	PRIMARY KEY (source, path), 
	CONSTRAINT state CHECK (state IN ('loaded', 'rejected', 'missing', 'gone')), 
	CONSTRAINT a_rejection_has_a_reason CHECK ((state IN ('rejected', 'missing')) = (reason IS NOT NULL)), 
	FOREIGN KEY(signature_id) REFERENCES signature (id), 
	FOREIGN KEY(load_id) REFERENCES load (id)
)
 WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS trajectory (
	signature_id VARCHAR(26) NOT NULL, 
	x BLOB NOT NULL, 
	y BLOB NOT NULL, 
	z BLOB NOT NULL, 
	PRIMARY KEY (signature_id), 
	FOREIGN KEY(signature_id) REFERENCES signature (id)
);

CREATE INDEX IF NOT EXISTS ix_load_source ON load (source, id);

CREATE INDEX IF NOT EXISTS ix_signature_signee_id ON signature (signee_id);

CREATE INDEX IF NOT EXISTS ix_signature_source ON signature (source);

CREATE INDEX IF NOT EXISTS ix_source_file_reason ON source_file (source, reason) WHERE reason IS NOT NULL;

CREATE VIEW IF NOT EXISTS signatures AS SELECT s.id, s.source, s.signee_id, p.collection, p.external_id AS signee, s.forger_id, f.external_id AS forger,
    s.parent_id, s.kind, s.modality, s.authenticity, s.sample, s.blank, s.width, s.height, s.mode,
    s.point_count, s.content_hash, s.created, s.stale
FROM signature s JOIN signee p ON p.id = s.signee_id LEFT JOIN forger f ON f.id = s.forger_id
WHERE s.retired_at IS NULL;

CREATE VIEW IF NOT EXISTS trajectories AS SELECT t.signature_id, s.point_count, t.x, t.y, t.z
FROM trajectory t JOIN signature s ON s.id = t.signature_id
WHERE s.retired_at IS NULL;

CREATE VIEW IF NOT EXISTS signees AS SELECT p.id, p.source, p.collection, p.external_id,
    count(CASE WHEN s.authenticity = 'genuine' THEN 1 END) AS genuine,
    count(CASE WHEN s.authenticity = 'forged' THEN 1 END) AS forged
FROM signee p JOIN signature s ON s.signee_id = p.id
WHERE s.retired_at IS NULL
GROUP BY p.id, p.source, p.collection, p.external_id;

CREATE VIEW IF NOT EXISTS rejection_counts AS SELECT source, reason, count(*) AS files
FROM source_file
WHERE reason IS NOT NULL
GROUP BY source, reason;

INSERT INTO schema_version SELECT 3 WHERE NOT EXISTS (SELECT 1 FROM schema_version);

