/// From embeddings to answers: the index, the table of references, and the decision.
final class ReferenceFinder {
    let references: ReferenceTable
    private let manifest: Manifest
    private let index: IndexFile
    private let codes: BinaryCodes?

    init(_ pack: Pack) throws {
        manifest = pack.manifest
        let spec = manifest.index
        let rows = try IndexFile(
            pack.file(spec.file), kind: spec.kind, dim: spec.dim, count: spec.count, path: spec.file)
        index = rows
        codes = try spec.binaryCodesFile.map { try BinaryCodes(pack.file($0), index: rows, path: $0) }
        references = try ReferenceTable(pack.file(manifest.referencesFile), path: manifest.referencesFile)
    }

    /// One photo or text, or several photos of one thing: `photos` are the embeddings of their views.
    struct Question {
        let photos: [[[Float]]]
        let options: Options
        let topK: Int
        let variantName: String
        let calibration: Calibration?
    }

    func answer(_ question: Question) throws -> Answer {
        let options = question.options
        let among = options.filters.areNone ? nil : try options.filters.passingIndexIds(references)
        guard let calibration = question.calibration else {
            let ranked = try ranked(question.photos, question.topK, among)
            return try answer(ranked, nil, nil, question)
        }
        let placed = options.position == nil ? 0 : Evidence.placeCandidates
        let candidates = max(calibration.neighbours, placed)
        let ranked = try ranked(question.photos, max(question.topK, candidates), among)
        let everyone = among == nil ? nil : try self.ranked(question.photos, candidates, nil)
        return try decided(ranked, everyone, candidates, calibration, question)
    }

    /// References with their similarities to an embedding, best first; none for one without an image.
    func matches(of embedding: [Float], _ referenceIds: [String]) throws -> [Answer.Match] {
        let images = Set(try referenceIds.flatMap { try references.images(of: $0) })
        if images.isEmpty { return [] }
        return try ranked([[embedding]], referenceIds.count, images).map(match)
    }

    /// Reads every reference and every image once, as an answer may need any of them.
    func checkReferences() throws {
        let found = try references.checkAll(index.ids)
        guard found == manifest.referenceCount else {
            throw EdgeIdentifyError.damaged(
                manifest.referencesFile, "holds \(found) references, the manifest says \(manifest.referenceCount)")
        }
    }

    /// Distinct references, best first, each with its best image.
    private func ranked(_ photos: [[[Float]]], _ wanted: Int, _ among: Set<Int>?) throws -> [Nearest] {
        if photos.count == 1 { return try nearest(photos[0], wanted, among) }
        let found = try photos.map { try nearest($0, max(wanted, Nearest.depth), among) }
        return Array(Nearest.fused(found).prefix(wanted))
    }

    private func nearest(_ views: [[Float]], _ wanted: Int, _ among: Set<Int>?) throws -> [Nearest] {
        // One reference may have several of the nearest rows. This many rows contain the wanted references for certain.
        let rows = min(index.count, wanted * manifest.index.mostImagesPerReference)
        // A shortlist by binary codes may miss a few selected vectors, so those are all compared.
        let shortlisted = among == nil ? try codes?.nearest(views, rows) : nil
        var told: Set<ExactText> = []
        var found: [Nearest] = []
        for each in try shortlisted ?? index.nearest(views, rows, among: among) where found.count < wanted {
            let id = try references.referenceId(of: each.id)
            if told.insert(ExactText(id)).inserted {
                found.append(Nearest(referenceId: id, score: Double(each.score), indexId: each.id))
            }
        }
        return found
    }

    private func decided(
        _ ranked: [Nearest], _ everyone: [Nearest]?, _ candidates: Int, _ calibration: Calibration, _ question: Question
    ) throws -> Answer {
        // With a filter, the evidence still comes from the whole pack: among few references every photo stands out.
        let first = ExactText(ranked[0].referenceId)
        let others = (everyone ?? ranked).filter { ExactText($0.referenceId) != first }
        let crowd = ([ranked[0]] + others).map(\.score)
        // A photo with a position has more candidates. The decision by similarity alone uses as many as without one.
        let looked = ranked.prefix(max(question.topK, calibration.neighbours))
        let vision = Decision.of(looked.map(\.score), crowd: crowd, calibration)
        guard let position = question.options.position else { return try answer(ranked, vision, nil, question) }
        let some = Array(ranked.prefix(candidates))
        let places = try references.coordinates()
        let density = Evidence.meanNearness(position, places.values)
        func placeScores(_ nearest: [Nearest]) -> [Double] {
            nearest.map { Evidence.placeScore(position, places[ExactText($0.referenceId)], crowd: density) }
        }
        let scores = placeScores(some)
        var mostGain = everyone.map { Evidence.placeGain($0.map(\.score), placeScores($0), calibration) } ?? .infinity
        // All candidates within a filter may have the same place score, and the gain without the filter be negative.
        if !Evidence.distinguishes(scores) {
            mostGain = min(mostGain, 0)
            if mostGain == 0 { return try answer(ranked, vision, nil, question) }
        }
        let found = Evidence.withPlace(some.map(\.score), scores, crowd: crowd, mostGain: mostGain, calibration)
        let beyond = ranked.dropFirst(some.count)
        let facts = found.order.map { at in
            Answer.Place(
                distanceM: places[ExactText(some[at].referenceId)].map(position.coordinates.distanceM(to:)), score: scores[at],
                visionConfidence: at < vision.confidences.count ? vision.confidences[at] : 0)
        }
        return try answer(found.order.map { some[$0] } + beyond, found.decision.withOthers(beyond.count), facts, question)
    }

    private func answer(
        _ ranked: [Nearest], _ decision: Decision?, _ places: [Answer.Place]?, _ question: Question
    ) throws -> Answer {
        let matches = try ranked.prefix(question.topK).enumerated().map { at, nearest -> Answer.Match in
            var found = try match(nearest)
            found.confidence = decision?.confidences[at]
            found.place = places.flatMap { at < $0.count ? $0[at] : nil }
            return found
        }
        var answer = Answer(
            manifest, encoder: question.variantName, decision: decision, matches: matches, position: question.options.position,
            filters: question.options.filters)
        guard let decision else { return answer }
        answer.lookAlikes = try ranked.prefix(decision.lookAlikeCount).map { try references.reference($0.referenceId) }
        if decision.word != .identified {
            let known = zip(ranked, decision.confidences).filter { $0.1 > 0 }
            answer.likelyKind = SharedLabels.likelyKind(
                try known.map { try references.reference($0.0.referenceId) }, known.map(\.1))
        }
        return answer
    }

    private func match(_ nearest: Nearest) throws -> Answer.Match {
        Answer.Match(
            try references.reference(nearest.referenceId), score: nearest.score, indexId: nearest.indexId,
            picture: try references.imageFacts(nearest.indexId))
    }
}
