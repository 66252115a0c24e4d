-- version: 0.3.0
-- description: Entities, relationships and the exact spans that prove them

-- The confidence that so much evidence amounts to. Past 50 nats it is 1 to the last bit, and further out exp() fails
-- instead of answering 0.
CREATE FUNCTION combined_confidence(evidence_weight bigint) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    AS $$ SELECT 1 - exp(-least(evidence_weight, 50000000) / 1e6::float8) $$;

CREATE TABLE entities (
    id              uuid             PRIMARY KEY,
    owner_id        uuid             NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name            text             NOT NULL CHECK (char_length(name) BETWEEN 1 AND 500),
    -- The normal form under which two names of one type are the same entity.
    name_key        text COLLATE "C" NOT NULL CHECK (char_length(name_key) BETWEEN 1 AND 500),
    type            text             NOT NULL CHECK (type ~ '^[a-z][a-z0-9_]{0,63}$'),
    aliases         text[]           NOT NULL DEFAULT '{}',
    confidence      double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    -- Evidence adds up as whole millionths of a nat of doubt removed, -ln(1 - c) a document. Integers, so that adding
    -- documents in any order, and taking one away again, gives exactly the same number.
    evidence_weight bigint           NOT NULL DEFAULT 0 CHECK (evidence_weight >= 0),
    mention_count   bigint           NOT NULL DEFAULT 0 CHECK (mention_count >= 0),
    origin          text             NOT NULL DEFAULT 'extracted' CHECK (origin IN ('extracted', 'manual')),
    -- The oldest document that names it, and what it inherits from that one, in whatever order documents are written.
    first_document  uuid,
    source          text             CHECK (char_length(source) <= 2000),
    source_type     text             NOT NULL CHECK (source_type IN ('article', 'document', 'web_page', 'api', 'manual')),
    metadata        jsonb            NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    created_by      uuid             NOT NULL,
    created_at      timestamptz      NOT NULL DEFAULT now(),
    updated_at      timestamptz      NOT NULL DEFAULT now(),
    is_active       boolean          NOT NULL DEFAULT true,
    UNIQUE (id, owner_id)
) WITH (fillfactor = 85);
-- The name to show when a document spells an entity's name in another way: the longer one, then the one that sorts
-- first, whichever came first. A name that somebody gave by hand stays.
CREATE FUNCTION better_entity_name(entity entities, other text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
        SELECT CASE
            WHEN entity.origin = 'manual' OR entity.name = other THEN entity.name
            WHEN char_length(entity.name) <> char_length(other)
                THEN CASE WHEN char_length(entity.name) > char_length(other) THEN entity.name ELSE other END
            ELSE least(entity.name COLLATE "C", other COLLATE "C")
        END
    $$;
CREATE UNIQUE INDEX entities_key ON entities (owner_id, type, name_key);
CREATE INDEX entities_owner ON entities (owner_id, id);
CREATE INDEX entities_owner_type ON entities (owner_id, type, id);

-- Where a document names an entity: offsets count Unicode scalar values of the document's plain text at that revision.
CREATE TABLE entity_mentions (
    document_id    uuid    NOT NULL,
    revision       integer NOT NULL,
    start_offset   integer NOT NULL CHECK (start_offset >= 0),
    end_offset     integer NOT NULL,
    entity_id      uuid    NOT NULL,
    owner_id       uuid    NOT NULL,
    sentence_start integer NOT NULL,
    sentence_end   integer NOT NULL,
    quote          text    NOT NULL,
    confidence     real    NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    PRIMARY KEY (document_id, revision, start_offset, end_offset, entity_id),
    FOREIGN KEY (document_id, revision) REFERENCES document_revisions (document_id, revision) ON DELETE CASCADE,
    FOREIGN KEY (entity_id, owner_id) REFERENCES entities (id, owner_id) ON DELETE CASCADE,
    CHECK (start_offset < end_offset AND sentence_start <= start_offset AND end_offset <= sentence_end)
);
CREATE INDEX entity_mentions_entity ON entity_mentions (entity_id, document_id, start_offset);

CREATE TABLE entity_relationships (
    id                uuid             PRIMARY KEY,
    owner_id          uuid             NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    source_entity_id  uuid             NOT NULL,
    target_entity_id  uuid             NOT NULL,
    relationship_type text             NOT NULL CHECK (relationship_type ~ '^[a-z][a-z0-9_]{0,99}$'),
    confidence        double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    evidence_weight   bigint           NOT NULL DEFAULT 0 CHECK (evidence_weight >= 0),
    evidence_count    bigint           NOT NULL DEFAULT 0 CHECK (evidence_count >= 0),
    origin            text             NOT NULL DEFAULT 'extracted' CHECK (origin IN ('extracted', 'manual')),
    metadata          jsonb            NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    created_by        uuid             NOT NULL,
    created_at        timestamptz      NOT NULL DEFAULT now(),
    updated_at        timestamptz      NOT NULL DEFAULT now(),
    is_active         boolean          NOT NULL DEFAULT true,
    CHECK (source_entity_id <> target_entity_id),
    UNIQUE (id, owner_id),
    FOREIGN KEY (source_entity_id, owner_id) REFERENCES entities (id, owner_id) ON DELETE CASCADE,
    FOREIGN KEY (target_entity_id, owner_id) REFERENCES entities (id, owner_id) ON DELETE CASCADE
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX entity_relationships_key
    ON entity_relationships (source_entity_id, target_entity_id, relationship_type);
CREATE INDEX entity_relationships_source ON entity_relationships (source_entity_id, id);
CREATE INDEX entity_relationships_target ON entity_relationships (target_entity_id, id);
CREATE INDEX entity_relationships_owner ON entity_relationships (owner_id, id);

CREATE TABLE relationship_evidence (
    document_id     uuid    NOT NULL,
    revision        integer NOT NULL,
    relationship_id uuid    NOT NULL,
    owner_id        uuid    NOT NULL,
    start_offset    integer NOT NULL CHECK (start_offset >= 0),
    end_offset      integer NOT NULL,
    head_start      integer NOT NULL,
    head_end        integer NOT NULL,
    tail_start      integer NOT NULL,
    tail_end        integer NOT NULL,
    quote           text    NOT NULL,
    confidence      real    NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    PRIMARY KEY (document_id, revision, relationship_id, start_offset, head_start, tail_start),
    FOREIGN KEY (document_id, revision) REFERENCES document_revisions (document_id, revision) ON DELETE CASCADE,
    FOREIGN KEY (relationship_id, owner_id) REFERENCES entity_relationships (id, owner_id) ON DELETE CASCADE,
    CHECK (start_offset <= head_start AND head_start < head_end AND head_end <= end_offset),
    CHECK (start_offset <= tail_start AND tail_start < tail_end AND tail_end <= end_offset)
);
CREATE INDEX relationship_evidence_relationship ON relationship_evidence (relationship_id, document_id, start_offset);

ALTER TABLE entities ENABLE ROW LEVEL SECURITY;
ALTER TABLE entities FORCE ROW LEVEL SECURITY;
ALTER TABLE entity_mentions ENABLE ROW LEVEL SECURITY;
ALTER TABLE entity_mentions FORCE ROW LEVEL SECURITY;
ALTER TABLE entity_relationships ENABLE ROW LEVEL SECURITY;
ALTER TABLE entity_relationships FORCE ROW LEVEL SECURITY;
ALTER TABLE relationship_evidence ENABLE ROW LEVEL SECURITY;
ALTER TABLE relationship_evidence FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT, UPDATE, DELETE
    ON entities, entity_mentions, entity_relationships, relationship_evidence TO kgl_user;

CREATE POLICY own ON entities TO kgl_user USING (owner_id = app_user_id());
CREATE POLICY own ON entity_mentions TO kgl_user USING (owner_id = app_user_id());
CREATE POLICY own ON entity_relationships TO kgl_user USING (owner_id = app_user_id());
CREATE POLICY own ON relationship_evidence TO kgl_user USING (owner_id = app_user_id());
-- A moderator reads everybody's graph with its quotes and may edit entities and relationships, but deletes none.
CREATE POLICY any_owner_read ON entities FOR SELECT TO kgl_moderator USING (true);
CREATE POLICY any_owner_edit ON entities FOR UPDATE TO kgl_moderator USING (true);
CREATE POLICY any_owner_read ON entity_relationships FOR SELECT TO kgl_moderator USING (true);
CREATE POLICY any_owner_edit ON entity_relationships FOR UPDATE TO kgl_moderator USING (true);
CREATE POLICY any_owner_read ON entity_mentions FOR SELECT TO kgl_moderator USING (true);
CREATE POLICY any_owner_read ON relationship_evidence FOR SELECT TO kgl_moderator USING (true);
CREATE POLICY any_owner ON entities TO kgl_admin USING (true);
CREATE POLICY any_owner ON entity_mentions TO kgl_admin USING (true);
CREATE POLICY any_owner ON entity_relationships TO kgl_admin USING (true);
CREATE POLICY any_owner ON relationship_evidence TO kgl_admin USING (true);
