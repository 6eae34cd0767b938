import EdgeIdentify
import PhotosUI
import SwiftUI

/// The screen: the pack, a photo, the answer.
struct FieldView: View {
    @ObservedObject var model: FieldModel
    @State private var chosen: PhotosPickerItem?

    var body: some View {
        NavigationStack {
            List {
                Section { pack }
                if let answer = model.answer { Section(answer.inWords) { matches(answer) } }
                if let problem = model.problem { Section { Text(problem).foregroundStyle(.red) } }
                Text("Photos never leave this phone.").font(.footnote)
            }
            .navigationTitle("Edge field")
        }
        .onChange(of: chosen) { item in
            guard let item else { return }
            Task {
                if let data = try? await item.loadTransferable(type: Data.self) { await model.identify(data) }
            }
        }
    }

    @ViewBuilder private var pack: some View {
        if let version = model.version {
            LabeledContent(FieldModel.packName, value: version)
            PhotosPicker("Choose a photo", selection: $chosen, matching: .images)
        } else {
            Text("No pack is installed. Connect to a network and choose Update.")
        }
        Button("Update") { Task { await model.update() } }
        if let progress = model.progress { ProgressView(value: progress) }
    }

    private func matches(_ answer: Answer) -> some View {
        ForEach(Array(answer.matches.enumerated()), id: \.offset) { _, match in
            VStack(alignment: .leading) {
                Text(match.reference.name)
                Text(details(of: match)).font(.footnote).foregroundStyle(.secondary)
            }
        }
    }

    private func details(of match: Answer.Match) -> String {
        let sure = match.confidence.map { "\(Int((100 * $0).rounded())) %" }
        let points = match.matchedPoints.flatMap { $0 > 0 ? "\($0) points agree" : nil }
        return [sure, points].compactMap { $0 }.joined(separator: ", ")
    }
}
